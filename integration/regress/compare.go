package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// known are the differences that cannot be made to vanish, each in a file named
// after suite, pass and test, whose lines with # say why. What differs must
// differ in just this way.
//
//go:embed known
var known embed.FS

// differences writes what differs between the results of two runs to diffFile
// and returns the names of the tests for which that is not known.
func (w *workplace) differences(ctx context.Context, s suite, p pass, direct, through string) (tests []string, err error) {
	names := map[string]bool{}
	for _, dir := range []string{direct, through} {
		files, err := filepath.Glob(filepath.Join(dir, "results", "*.out"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			names[filepath.Base(file)] = true
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the suite has printed nothing")
	}
	var all strings.Builder
	for name := range names {
		diff := exec.CommandContext(ctx, "diff", "-uN", filepath.Join(direct, "results", name), filepath.Join(through, "results", name))
		text, err := diff.Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
			err = nil
		}
		if err != nil {
			return nil, fmt.Errorf("diff: %w", err)
		}
		test := strings.TrimSuffix(name, ".out")
		expected, err := expectedDifference(s, p, test)
		if err != nil {
			return nil, err
		}
		if got := changed(string(text)); got != "" && got != expected {
			tests = append(tests, test)
		}
		all.Write(text)
	}
	slices.Sort(tests)
	return tests, os.WriteFile(w.diffFile(s, p), []byte(all.String()), 0o644)
}

func (w *workplace) diffFile(s suite, p pass) string {
	return filepath.Join(w.out, fmt.Sprintf("%s-%s.diff", s.name, p.name))
}

// changed gives the lines of a difference that only one side has.
func changed(diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		if (line[0] == '+' || line[0] == '-') && !strings.HasPrefix(line, "+++ ") && !strings.HasPrefix(line, "--- ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// expectedDifference is the known one of a test, "" if there is none.
func expectedDifference(s suite, p pass, test string) (string, error) {
	text, err := known.ReadFile(fmt.Sprintf("known/%s-%s-%s.txt", s.name, p.name, test))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String(), err
}
