package rules

import (
	"slices"
	"strings"
	"testing"
)

const module = "pgseal/"

const (
	pgx      = "github.com/jackc/pgx/v5"
	pgproto3 = "github.com/jackc/pgproto3/v2"
	aws      = "github.com/aws/"
	lru      = "github.com/hashicorp/golang-lru/v2"
	pgQuery  = "github.com/pganalyze/pg_query_go/v6"
	protobuf = "google.golang.org/protobuf" // the form of pg_query's syntax trees
	x        = "golang.org/x/"
)

// rule is what a package's own files, tests left out, may import. Paths stand
// for themselves and everything below them.
type rule struct {
	internal []string // packages of this module
	external []string // other modules; every package may use the standard library
	never    []string // but not these of its packages
}

// network and clock are what a pure package does without.
var (
	network = []string{"net", "crypto/tls"}
	clock   = []string{"context", "time"}
)

// table says which way the module's packages look. A package that is missing
// here fails the test: give it a line when you make it.
var table = map[string]rule{
	"envelope":   {never: network},
	"logical":    {external: []string{x + "text"}, never: network},
	"wire":       {external: []string{pgproto3}, never: slices.Concat(network, clock)},
	"copyformat": {internal: []string{"logical"}, never: slices.Concat(network, clock)},
	"catalog":    {internal: []string{"envelope", "logical"}, external: []string{pgx, lru}},
	"rewrite":    {internal: []string{"catalog", "copyformat", "envelope", "logical"}, external: []string{pgQuery, protobuf, lru}, never: network},
	"session": {internal: []string{"catalog", "copyformat", "envelope", "keycache", "logical", "rewrite", "wire"},
		external: []string{pgproto3, lru}, never: slices.Concat(network, clock)},
	"keycache":        {internal: []string{"envelope"}, external: []string{lru, x + "sync"}, never: network},
	"keystore":        {internal: []string{"catalog", "envelope", "keycache"}, external: []string{aws, pgx, x + "sync"}},
	"kmsdev":          {},
	"kmsdev/kmsfault": {internal: []string{"kmsdev"}},
	"extension":       {external: []string{pgx}},
	"sealing": {internal: []string{"catalog", "envelope", "extension", "keycache", "keystore", "logical", "rewrite"},
		external: []string{pgx, x + "sync"}},
	"proxy": {internal: []string{"catalog", "envelope", "keycache", "keystore", "logical", "rewrite", "sealing", "session", "wire"},
		external: []string{pgproto3, pgx, x + "sync", x + "sys", x + "text"}},

	// The command wires everything; the helpers of tests know nothing of it.
	"cmd/pgseal": {internal: []string{"catalog", "envelope", "extension", "integration/pgtest", "keycache", "keystore",
		"kmsdev", "logical", "proxy", "rewrite", "sealing", "session", "wire"},
		external: []string{aws, pgx, x, "github.com/spf13/cobra", "github.com/spf13/pflag", "gopkg.in/yaml.v3"}},
	"envelope/envelopetest": {internal: []string{"envelope"}},
	"integration/pgtest":    {external: []string{pgx, "github.com/fergusstrange/embedded-postgres"}},
	"integration/harness":   {internal: []string{"envelope", "extension", "integration", "keystore", "sealing"}, external: []string{pgx, aws}},
	"integration/regress":   {internal: []string{"integration/harness", "integration/pgtest"}},
	"integration/versions":  {internal: []string{"integration/pgtest"}},
	"integration/bench":     {internal: []string{"integration"}, external: []string{pgx}},
}

func TestPackagesImportWhatTheTableAllows(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		r, ok := table[f.pkg]
		if !ok {
			t.Errorf("%s: package %s has no line in the import table of integration/rules", f.path, f.pkg)
			continue
		}
		for path := range f.imports {
			if reason := r.refuses(path); reason != "" {
				t.Errorf("%s imports %s: %s", f.path, path, reason)
			}
		}
	}
}

// Tests may use every package below them, but not the command: they run its
// binary. Packages of helpers for tests are for tests, and for the demo.
func TestNothingImportsTheCommandOrTheHarness(t *testing.T) {
	for _, f := range goFiles(t) {
		for path := range f.imports {
			if below(path, module+"cmd") {
				t.Errorf("%s imports %s", f.path, path)
			}
			harness := below(path, module+"integration") || below(path, module+"envelope/envelopetest")
			if harness && !f.test && !strings.HasPrefix(f.pkg, "integration/") && f.pkg != "cmd/pgseal" {
				t.Errorf("%s imports %s, which is for tests", f.path, path)
			}
		}
	}
}

// A third-party package has few importers, so that it can be replaced and so
// that the tests of the others build in seconds.
func TestThirdPartyPackagesStayBehindTheirImporter(t *testing.T) {
	importers := map[string][]string{
		pgQuery:                  {"rewrite"},
		protobuf:                 {"rewrite"},
		aws:                      {"keystore", "kmsdev", "kmsdev/kmsfault", "cmd/pgseal", "integration/harness"},
		"github.com/spf13/cobra": {"cmd/pgseal"},
		"gopkg.in/yaml.v3":       {"cmd/pgseal"},
	}
	for _, f := range goFiles(t) {
		for path := range f.imports {
			for restricted, allowed := range importers {
				if below(path, restricted) && !slices.Contains(allowed, f.pkg) {
					t.Errorf("%s imports %s, which only %s may", f.path, path, strings.Join(allowed, ", "))
				}
			}
		}
	}
}

// refuses gives the reason why an import is not allowed, "" if it is.
func (r rule) refuses(path string) string {
	if name, ok := strings.CutPrefix(path, module); ok {
		if !anyBelow(name, r.internal) {
			return "the table does not let this package look there"
		}
		return ""
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		if !anyBelow(path, r.external) {
			return "the table does not let this package use that module"
		}
		return ""
	}
	if anyBelow(path, r.never) {
		return "this package is pure: no network, and where the table says so no context and no time"
	}
	return ""
}

func anyBelow(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return below(path, prefix) })
}

// below reports whether an import path is prefix or under it. A prefix that
// ends in a slash stands for everything under it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func TestTheRulesRefuse(t *testing.T) {
	for _, c := range []struct {
		pkg, path string
		allowed   bool
	}{
		{"envelope", "crypto/aes", true},
		{"envelope", "golang.org/x/crypto", false},
		{"rewrite", "net", false},
		{"rewrite", "net/url", false},
		{"session", "time", false},
		{"session", "timeless", true},
		{"session", "pgseal/proxy", false},
		{"session", "pgseal/rewrite", true},
		{"catalog", pgQuery, false},
		{"proxy", "pgseal/integration/pgtest", false},
	} {
		if got := table[c.pkg].refuses(c.path) == ""; got != c.allowed {
			t.Errorf("%s importing %s: allowed = %v, want %v", c.pkg, c.path, got, c.allowed)
		}
	}
}
