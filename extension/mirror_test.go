package extension

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mirror makes a second view of an installed PostgreSQL under root, with files
// added to its extension directory, and returns its directory of programs. The
// server finds its other files relative to where its program stands: that one is
// copied, the rest are symbolic links. PostgreSQL as it is installed is not
// touched.
func mirror(root, bindir string, extension fs.FS) (mirrored string, err error) {
	place := func(what string) (string, error) {
		out, err := exec.Command(filepath.Join(bindir, "pg_config"), "--"+what).Output()
		return strings.TrimSpace(string(out)), err
	}
	sharedir, err := place("sharedir")
	if err != nil {
		return "", err
	}
	libdir, err := place("pkglibdir")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(libdir)), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink(libdir, filepath.Join(root, libdir)); err != nil {
		return "", err
	}
	if err := linkAll(sharedir, filepath.Join(root, sharedir), "extension"); err != nil {
		return "", err
	}
	extensions := filepath.Join(root, sharedir, "extension")
	if err := linkAll(filepath.Join(sharedir, "extension"), extensions, ""); err != nil {
		return "", err
	}
	names, err := fs.Glob(extension, "*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		content, err := fs.ReadFile(extension, name)
		if err != nil {
			return "", err
		}
		// An installed pgseal is a link here: replaced, not written through.
		target := filepath.Join(extensions, name)
		_ = os.Remove(target)
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return "", err
		}
	}
	mirrored = filepath.Join(root, bindir)
	if err := linkAll(bindir, mirrored, "postgres"); err != nil {
		return "", err
	}
	return mirrored, copyProgram(filepath.Join(bindir, "postgres"), filepath.Join(mirrored, "postgres"))
}

// linkAll makes to a directory with a link to every entry of from except one.
func linkAll(from, to, except string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == except {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	_, err = io.Copy(out, in)
	return err
}
