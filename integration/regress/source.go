package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"pgseal/integration/pgtest"
)

// release is the version of the distribution's package of the server, as apt names it,
// which that of the source and of the headers must be, too: a library made with newer
// ones does not load. Without a package it is the major version.
func release(ctx context.Context, major int) string {
	name := fmt.Sprintf("postgresql-%d", major)
	if out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", name).Output(); err == nil && len(out) > 0 {
		return string(out)
	}
	return strconv.Itoa(major)
}

// source returns the directory of PostgreSQL's source for a major version. It
// comes from the distribution's source package, once; then it is in the cache.
func source(ctx context.Context, major int) (string, error) {
	of := release(ctx, major)
	dir, err := pgtest.CacheDir("postgresql-source-" + of)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fmt.Printf("Fetching the source package postgresql-%d into %s.\n", major, dir)
	if err := fetchSource(ctx, fmt.Sprintf("postgresql-%d", major), of, dir); err != nil {
		return "", fmt.Errorf("the source of PostgreSQL %d: %w", major, err)
	}
	return dir, nil
}

// headers returns the directory of the server's headers: the installed ones, or those of
// the distribution's package, which is unpacked once into the cache and not installed.
func headers(ctx context.Context, b pgtest.Binaries) (string, error) {
	installed, err := exec.CommandContext(ctx, filepath.Join(b.Dir, "pg_config"), "--includedir-server").Output()
	if err != nil {
		return "", fmt.Errorf("pg_config: %w", err)
	}
	include := strings.TrimSpace(string(installed))
	if _, err := os.Stat(filepath.Join(include, "postgres.h")); err == nil {
		return include, nil
	}
	of := release(ctx, b.Major)
	dir, err := pgtest.CacheDir("postgresql-headers-" + of)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err != nil {
		if err := fetchHeaders(ctx, fmt.Sprintf("postgresql-server-dev-%d", b.Major), of, dir); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, include), nil
}

func fetchHeaders(ctx context.Context, name, of, dir string) (err error) {
	fmt.Printf("Fetching the package %s into %s.\n", name, dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "headers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fetch := func(what string) error {
		download := exec.CommandContext(ctx, "apt-get", "-o", "APT::Sandbox::User=root", "download", what)
		download.Dir = work
		if out, err := download.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get download %s: %w\n%s", what, err, out)
		}
		return nil
	}
	// The mirror may have a newer one only, with which the suite's library may do.
	if first := fetch(name + "=" + of); first != nil {
		if err := fetch(name); err != nil {
			return errors.Join(first, err)
		}
	}
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(packages) != 1 {
		return errors.Join(errors.New("apt-get download brought no package"), err)
	}
	tree := filepath.Join(work, "tree")
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", packages[0], tree).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb: %w\n%s", err, out)
	}
	return os.Rename(tree, dir)
}

// version is a line of apt's about a source package.
var version = regexp.MustCompile(`(?m)^Version: (\S+)$`)

func fetchSource(ctx context.Context, name, of, dir string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "source-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	apt, err := newApt(work)
	if err != nil {
		return err
	}
	// A source of binary packages only makes this fail, and is not needed.
	updated, updateErr := apt.run(ctx, "apt-get", "update")
	known, err := apt.run(ctx, "apt-cache", "showsrc", name)
	versions := version.FindAllStringSubmatch(known, -1)
	if err != nil || len(versions) == 0 {
		return errors.Join(fmt.Errorf("apt knows no source package %s:\n%s%s", name, updated, known), updateErr, err)
	}
	// That of the server, or else the newest, which may have been superseded on the
	// mirror; any will do then.
	wanted := []string{of}
	for _, v := range versions {
		if v[1] != of {
			wanted = append(wanted, v[1])
		}
	}
	var failures []error
	for _, v := range wanted {
		out, err := apt.run(ctx, "apt-get", "source", "--download-only", name+"="+v)
		if err == nil {
			return unpackSource(ctx, work, dir)
		}
		failures = append(failures, fmt.Errorf("apt-get source: %w\n%s", err, out))
	}
	return errors.Join(failures...)
}

func unpackSource(ctx context.Context, work, dir string) error {
	archives, err := filepath.Glob(filepath.Join(work, "*.orig.tar.*"))
	if err != nil || len(archives) == 0 {
		return errors.Join(errors.New("the source package brought no archive"), err)
	}
	tree := filepath.Join(work, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	// The newest version comes first in apt's list, and was downloaded last if
	// an earlier one failed halfway.
	tar := exec.CommandContext(ctx, "tar", "-xf", archives[len(archives)-1], "-C", tree, "--strip-components=1", "--no-same-owner")
	if out, err := tar.CombinedOutput(); err != nil {
		return fmt.Errorf("tar: %w\n%s", err, out)
	}
	return os.Rename(tree, dir)
}

// apt is a configuration of apt's that has the system's sources ask for source
// packages, and keeps everything in a directory of its own.
type apt struct {
	dir     string
	options []string
}

func newApt(dir string) (*apt, error) {
	a := &apt{dir: dir, options: []string{
		"-o", "Dir::Etc::sourcelist=" + filepath.Join(dir, "sources.list"),
		"-o", "Dir::Etc::sourceparts=" + filepath.Join(dir, "parts"),
		"-o", "Dir::State::lists=" + filepath.Join(dir, "lists"),
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
		"-o", "APT::Sandbox::User=root",
	}}
	for _, sub := range []string{"parts", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	files, err := filepath.Glob("/etc/apt/sources.list.d/*")
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, "/etc/apt/sources.list") {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "parts", filepath.Base(file)), []byte(askForSource(string(text))), 0o644); err != nil {
			return nil, err
		}
	}
	return a, os.WriteFile(filepath.Join(dir, "sources.list"), nil, 0o644)
}

// askForSource turns entries for binary packages, in either format, into ones
// for source packages.
func askForSource(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "deb "); ok {
			lines[i] = "deb-src " + rest
		}
		if strings.HasPrefix(line, "Types:") {
			lines[i] = "Types: deb-src"
		}
	}
	return strings.Join(lines, "\n")
}

func (a *apt) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, append(a.options, args...)...)
	cmd.Dir = a.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
