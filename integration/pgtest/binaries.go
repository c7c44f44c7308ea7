package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// BinDirVariable names the directory of the server binaries and beats every
// other place.
const BinDirVariable = "PGSEAL_PG_BINDIR"

// Binaries is one installation of PostgreSQL's server programs.
type Binaries struct {
	Dir   string
	Major int // 15 for 15.18
}

// Program returns the path of a program of the installation (psql, pg_dump,
// pgbench), or of one on PATH where the installation lacks it. It returns ""
// when there is neither.
func (b Binaries) Program(name string) string {
	if path := filepath.Join(b.Dir, name); executable(path) {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// Client returns the path of a client program that serves this server where
// older ones refuse to (pg_dump, pg_basebackup): one of its version or of a
// later one. It returns "" when there is none.
func (b Binaries) Client(ctx context.Context, name string) string {
	path := b.Program(name)
	if path == "" {
		return ""
	}
	if major, err := majorVersion(ctx, path); err != nil || major < b.Major {
		return ""
	}
	return path
}

// Find looks for server binaries: in $PGSEAL_PG_BINDIR, where pg_config says,
// in Debian's and Red Hat's directories (the highest version first) and on
// PATH. It fails when there are none, or when $PGSEAL_PG_BINDIR names a
// directory that does not hold them.
func Find(ctx context.Context) (Binaries, error) {
	if dir := os.Getenv(BinDirVariable); dir != "" {
		b, err := inspect(ctx, dir)
		if err != nil {
			return Binaries{}, fmt.Errorf("%s=%s: %w", BinDirVariable, dir, err)
		}
		return b, nil
	}
	for _, dir := range candidates(ctx) {
		if b, err := inspect(ctx, dir); err == nil {
			return b, nil
		}
	}
	return Binaries{}, fmt.Errorf("no PostgreSQL server binaries found (set %s to their directory)", BinDirVariable)
}

// candidates are the directories in which the machine may have server programs.
func candidates(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	dirs = append(dirs, versioned("/usr/lib/postgresql/*/bin")...)
	dirs = append(dirs, versioned("/usr/pgsql-*/bin")...)
	dirs = append(dirs, versioned("/opt/homebrew/opt/postgresql@*/bin")...)
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}

// inspect checks that a directory holds what a cluster needs. pg_config alone
// is not enough: the client library's development package ships it too.
func inspect(ctx context.Context, dir string) (Binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if !executable(filepath.Join(dir, name)) {
			return Binaries{}, fmt.Errorf("there is no %s in it", name)
		}
	}
	major, err := majorVersion(ctx, filepath.Join(dir, "postgres"))
	return Binaries{Dir: dir, Major: major}, err
}

// majorVersion asks a program of PostgreSQL's for its version.
func majorVersion(ctx context.Context, program string) (int, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("%s --version: %w", filepath.Base(program), err)
	}
	fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 (Debian …)
	if len(fields) < 3 {
		return 0, fmt.Errorf("%s --version printed %q", filepath.Base(program), out)
	}
	digits := strings.TrimRight(fields[2], "abcdefghijklmnopqrstuvwxyz") // 19devel
	digits, _, _ = strings.Cut(digits, ".")
	digits, _, _ = strings.Cut(digits, "beta")
	major, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("%s --version printed %q", filepath.Base(program), out)
	}
	return major, nil
}

// versioned expands a pattern whose * is a major version, the highest first.
func versioned(pattern string) []string {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	prefix, suffix, _ := strings.Cut(pattern, "*")
	version := func(dir string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(dir, prefix), suffix))
		if err != nil {
			return -1
		}
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	return dirs
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
