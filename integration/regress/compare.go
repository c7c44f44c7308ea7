package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// differences writes what differs between the results of two runs to diffFile
// and returns the names of the tests that differ.
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
		if len(text) > 0 {
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
