package catalog

import "testing"

// Whether a function's code may mean a table with a sealed column, in which schema.
func TestWhatCodeMeans(t *testing.T) {
	const never, byPath, always = "never", "by the path", "always"
	jobs := &Relation{Schema: "app", Name: "jobs", Sealed: true, Columns: []Column{{Name: "id"}, {Name: "body", Sealed: &SealedColumn{}}}}
	named := func(name string) []*Relation {
		if name == "jobs" {
			return []*Relation{jobs}
		}
		return nil
	}
	for _, c := range []struct {
		code Code
		want string
	}{
		{Code{Text: `SELECT body FROM jobs`}, byPath},
		{Code{Text: `SELECT body FROM app.jobs`}, always},
		{Code{Text: `SELECT body FROM "app"."jobs"`}, always},
		{Code{Text: `SELECT body FROM other.jobs`}, never},
		{Code{Text: `SELECT body FROM "other"."jobs" WHERE jobs.body IS NULL`}, never},
		{Code{Text: `INSERT INTO other.work AS jobs (body) VALUES (1) RETURNING jobs.body`}, never},
		{Code{Text: `SELECT CAST(NULL AS jobs), body FROM x`}, byPath},
		{Code{Text: "SELECT 1 -- the same as\n FROM jobs WHERE body = 1"}, byPath},
		{Code{Text: "SELECT 1 FROM -- the same as\n jobs WHERE body = 1"}, byPath},
		{Code{Text: "SELECT body FROM app -- see other\n.jobs"}, always},
		{Code{Text: `SELECT body FROM app . jobs`}, always},
		{Code{Text: `SELECT body FROM other . jobs`}, always}, // in doubt
		{Code{Text: `SELECT body FROM other.jobs, jobs`}, byPath},
		{Code{Text: `SELECT body FROM jobs, app.others`}, always},
		{Code{Text: `DECLARE v jobs.body%TYPE; BEGIN END`}, byPath},
		{Code{Text: `SELECT body FROM jobs.things`}, never},
		{Code{Text: `SELECT id FROM jobs`}, never},
		{Code{Text: `EXECUTE format('SELECT body FROM %I.jobs', s)`}, always},
		{Code{Text: `EXECUTE format('SELECT body FROM %1$I.jobs', s)`}, always},
		{Code{Text: `EXECUTE 'SELECT body FROM ' || s || '.jobs'`}, always},
		{Code{Text: `EXECUTE 'SELECT body FROM ' || s || 'x.jobs'`}, always},
		{Code{Text: `EXECUTE replace('SELECT body FROM x.jobs', 'x', s)`}, byPath},
		{Code{Text: `EXECUTE 'SELECT body FROM x.jobs'`}, never},
		{Code{Text: `SET search_path = app; SELECT body FROM jobs`}, always},
		{Code{Text: `SELECT body FROM jobs`, OwnPath: true, Path: []string{"other"}}, never},
		{Code{Text: `SELECT body FROM jobs`, OwnPath: true, Path: []string{"other", "app"}}, always},
		{Code{Text: `SELECT body FROM jobs`, OwnPath: true, Path: []string{"$user"}}, always},
		{Code{Text: `SET search_path = app; SELECT body FROM jobs`, OwnPath: true, Path: []string{"other"}}, always},
	} {
		c.code.SQL = true
		got := never
		for _, use := range Uses(c.code, named) {
			if got = byPath; use.Anywhere {
				got = always
			}
		}
		if got != c.want {
			t.Errorf("%s under %q: meant %s, want %s", c.code.Text, c.code.Path, got, c.want)
		}
	}
	if uses := Uses(Code{Text: `plpy.execute("SELECT body FROM other.jobs")`}, named); len(uses) != 1 {
		t.Error("a dot is taken for one of SQL in another language")
	}
	uses := []Use{{Relation: jobs, Column: "body"}}
	for _, c := range []struct {
		code Code
		want string
	}{
		{Code{Text: "SELECT f()"}, byPath},
		{Code{Text: "SELECT f()", OwnPath: true, Path: []string{"app"}}, always},
		{Code{Text: "SELECT f()", OwnPath: true, Path: []string{"other"}}, never},
		{Code{Text: "SET search_path = app; SELECT f()"}, always},
	} {
		got := never
		for _, use := range c.code.Through(uses) {
			if got = byPath; use.Anywhere {
				got = always
			}
		}
		if got != c.want {
			t.Errorf("a function called by %s under %q: meant %s, want %s", c.code.Text, c.code.Path, got, c.want)
		}
	}
}

func TestSearchPathsAreSplit(t *testing.T) {
	for path, want := range map[string][]string{
		`a, b`: {"a", "b"}, `""`: {""}, `"$user", public`: {"$user", "public"}, `"a, b", "c""d"`: {"a, b", `c"d`},
	} {
		got := splitPath(path)
		if len(got) != len(want) {
			t.Errorf("%s gives %q", path, got)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s gives %q", path, got)
			}
		}
	}
}
