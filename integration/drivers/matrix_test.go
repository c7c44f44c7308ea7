package drivers

import (
	"os"
	"path/filepath"
	"testing"
)

// program is an application of one driver.
type program struct {
	driver   string
	packages string   // what install.sh installs for it
	probe    []string // a command that succeeds where the driver is present
	command  []string // what runs the application
}

// matrix are the drivers that have a program of their own in testdata. Those
// that are written in Go or that are programs themselves have a test of theirs.
var matrix = []program{
	{"node-postgres", "npm", []string{"node", "-e", `require("pg"); require("pg-cursor"); require("pg-query-stream")`}, []string{"node", "node_postgres_app.js"}},
}

func TestPrograms(t *testing.T) {
	for _, p := range matrix {
		t.Run(p.driver, func(t *testing.T) {
			present(t, p.packages, p.probe...)
			file := filepath.Join("testdata", p.command[len(p.command)-1])
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
			t.Parallel()
			pair := shopPair(t)
			word := pair.Env.Canaries.Word()
			command := append(append([]string{}, p.command[:len(p.command)-1]...), file)
			want := run(t, pair.TwinURL(), append(command, word)...)
			same(t, run(t, pair.URL(), append(command, word)...), want)
			// What is refused is an error like any other to the driver, and the
			// session goes on.
			refused := run(t, pair.URL(), append(command, word, "refused")...)
			if want := "0A000\nrefused, and usable: " + word + "\n"; refused != want {
				t.Errorf("a refusal:\n%s\nwant:\n%s", refused, want)
			}
		})
	}
}
