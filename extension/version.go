package extension

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// upgradePath returns the scripts that lead from one version to another, in order. An
// empty from means that nothing is installed; equal versions need no script.
func upgradePath(scripts fs.FS, from, to string) ([]string, error) {
	if from == to {
		return nil, nil
	}
	if from == "" {
		return []string{"pgseal--" + to + ".sql"}, nil
	}
	names, err := fs.Glob(scripts, "pgseal--*--*.sql")
	if err != nil {
		return nil, err
	}
	// Each version has one upgrade script, to the next: a chain, no search.
	next := make(map[string]string, len(names))
	for _, name := range names {
		a, _, _ := strings.Cut(strings.TrimPrefix(name, "pgseal--"), "--")
		next[a] = name
	}
	var steps []string
	for at := from; at != to; {
		name, ok := next[at]
		if !ok || len(steps) > len(names) {
			return nil, &Error{
				message: fmt.Sprintf("no way to upgrade the pgseal schema from %s to %s", from, to),
				hint:    "Upgrade with a pgseal version in between first.",
			}
		}
		steps = append(steps, name)
		_, b, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "pgseal--"), ".sql"), "--")
		at = b
	}
	return steps, nil
}

// compareVersions orders two versions, number by number; an empty one comes before all.
func compareVersions(a, b string) (int, error) {
	x, err := numbers(a)
	if err != nil {
		return 0, err
	}
	y, err := numbers(b)
	if err != nil {
		return 0, err
	}
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] - y[i], nil
		}
	}
	return len(x) - len(y), nil
}

func numbers(version string) ([]int, error) {
	if version == "" {
		return nil, nil
	}
	parts := strings.Split(version, ".")
	n := make([]int, len(parts))
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("the pgseal schema has the version %q, which is no version", version)
		}
		n[i] = int(v)
	}
	return n, nil
}
