package drivers

import (
	"path/filepath"
	"testing"
)

// introspections are the programs that print what a driver or an ORM reads of
// the catalogs.
var introspections = []program{
	{"SQLAlchemy", "python3-sqlalchemy python3-psycopg2", imports("sqlalchemy, psycopg2"), []string{python, "introspect_sqlalchemy.py"}},
	{"Django", "python3-django python3-psycopg2", imports("django, psycopg2"), []string{python, "introspect_django.py"}},
	{"ODBC", "odbc-postgresql python3-pyodbc", imports(`pyodbc; "PostgreSQL Unicode" in pyodbc.drivers() or exit(1)`), []string{python, "introspect_odbc.py"}},
	{"ActiveRecord", "ruby-activerecord ruby-pg", []string{"ruby", "-e", `require "active_record"; require "pg"`}, []string{"ruby", "introspect_active_record.rb"}},
	{"JDBC", "default-jdk-headless libpostgresql-jdbc-java", []string{"sh", "-c", "test -e " + jdbcJar + " && javac -version"},
		[]string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jdbcJar, "Introspect.java"}},
}

func TestIntrospection(t *testing.T) {
	for _, p := range introspections {
		t.Run(p.driver, func(t *testing.T) {
			present(t, p.packages, p.probe...)
			t.Parallel()
			pair := shopPair(t)
			last := len(p.command) - 1
			command := append(append([]string{}, p.command[:last]...), filepath.Join("testdata", p.command[last]))
			want := run(t, pair.TwinURL(), command...)
			same(t, run(t, pair.URL(), command...), want)
		})
	}
}
