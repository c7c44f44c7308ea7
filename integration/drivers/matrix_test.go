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

// python is Debian's own, whose modules its packages are; another one may stand
// before it in the path.
const python = "/usr/bin/python3"

// matrix are the drivers that have a program of their own in testdata. Those
// that are written in Go or that are programs themselves have a test of theirs.
var matrix = []program{
	{"psycopg2", "python3-psycopg2", imports("psycopg2"), []string{python, "psycopg2_app.py"}},
	{"psycopg 3", "python3-psycopg", imports("psycopg"), []string{python, "psycopg3_app.py"}},
	{"SQLAlchemy", "python3-sqlalchemy python3-psycopg2", imports("sqlalchemy, psycopg2"), []string{python, "sqlalchemy_app.py"}},
	{"Django", "python3-django python3-psycopg2", imports("django, psycopg2"), []string{python, "django_app/app.py"}},
	{"ODBC", "odbc-postgresql python3-pyodbc", imports(`pyodbc; "PostgreSQL Unicode" in pyodbc.drivers() or exit(1)`), []string{python, "odbc_app.py"}},
	{"ActiveRecord", "ruby-activerecord ruby-pg", []string{"ruby", "-e", `require "active_record"; require "pg"`}, []string{"ruby", "activerecord_app.rb"}},
	{"Sequel", "ruby-sequel ruby-pg", []string{"ruby", "-e", `require "sequel"; require "pg"`}, []string{"ruby", "sequel_app.rb"}},
	{"PDO", "php-cli php-pgsql", []string{"php", "-r", `exit(extension_loaded("pdo_pgsql") ? 0 : 1);`}, []string{"php", "pdo_app.php"}},
	{"PHP pgsql", "php-cli php-pgsql", []string{"php", "-r", `exit(extension_loaded("pgsql") ? 0 : 1);`}, []string{"php", "php_pgsql_app.php"}},
	{"pgtcl", "tcl libpgtcl", []string{"sh", "-c", "echo 'package require Pgtcl; exit 7' | tclsh; test $? = 7"}, []string{"tclsh", "pgtcl_app.tcl"}},
	{"DBD::Pg", "libdbd-pg-perl", []string{"perl", "-MDBD::Pg", "-e", "1"}, []string{"perl", "dbd_pg_app.pl"}},
	{"JDBC", "default-jdk-headless libpostgresql-jdbc-java", []string{"sh", "-c", "test -e " + jdbcJar + " && javac -version"},
		[]string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jdbcJar, "Jdbc.java"}},
	{"node-postgres", "npm", []string{"node", "-e", `require("pg"); require("pg-cursor"); require("pg-query-stream")`}, []string{"node", "node_postgres_app.js"}},
	{"postgres.js", "npm", []string{"node", "-e", `require("postgres")`}, []string{"node", "postgresjs_app.js"}},
}

const jdbcJar = "/usr/share/java/postgresql.jar"

func imports(modules string) []string { return []string{python, "-c", "import " + modules} }

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
