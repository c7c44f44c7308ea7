package catalog

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// loadCode finds the functions and triggers of users that may use a sealed
// column. Those in C are not read, but for the arguments of triggers.
func loadCode(ctx context.Context, tx reader, c *Contents, sealed []uint32) error {
	byName := map[string][]*Relation{}
	byOID := map[uint32]*Relation{}
	for _, r := range c.Relations {
		if r.Sealed {
			byName[r.Name] = append(byName[r.Name], r)
			byOID[r.OID] = r
		}
	}
	if len(byName) == 0 {
		return nil
	}
	named := func(name string) []*Relation { return byName[name] }
	if err := loadBodies(ctx, tx, c, byName, named); err != nil {
		return err
	}
	return loadTriggers(ctx, tx, c, byOID, sealed, named)
}

// loadBodies reads the bodies that name a relation with sealed columns, then
// those that name a function that uses one, and so on.
func loadBodies(ctx context.Context, tx reader, c *Contents, byName map[string][]*Relation, named func(string) []*Relation) error {
	c.Uses, c.Alters = map[string][]Use{}, map[string]bool{}
	search := slices.Sorted(maps.Keys(byName))
	for len(search) > 0 {
		patterns := namePatterns(search)
		rows, err := about(tx, ofCode).Query(ctx, `
			SELECT p.proname::text, p.prosrc, l.lanname::text,
			       (SELECT substr(s, length('search_path=') + 1) FROM unnest(p.proconfig) s WHERE s LIKE 'search\_path=%')
			  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
			 WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') AND p.prorettype <> 'trigger'::regtype
			   AND p.pronamespace IS DISTINCT FROM to_regnamespace('pgseal') AND lower(p.prosrc) LIKE ANY($1)`, patterns)
		if err != nil {
			return err
		}
		found := map[string]bool{}
		var name, text, language string
		var path *string
		_, err = pgx.ForEachRow(rows, []any{&name, &text, &language, &path}, func() error {
			code := Code{Text: text, SQL: plainSQL(language)}
			if path != nil {
				code.OwnPath, code.Path = true, splitPath(*path)
			}
			uses, read := Uses(code, named), readCode(text)
			ddl := read.words["alter"] || read.words["create"] || read.words["drop"]
			for w := range read.words {
				if w != name {
					uses = append(uses, code.Through(c.Uses[w])...)
				}
				if !c.Alters[name] && (c.Alters[w] || ddl && len(named(w)) > 0) {
					c.Alters[name], found[name] = true, true
				}
			}
			c.OpensCursors = c.OpensCursors || len(uses) > 0 && read.opensCursors(plainSQL(language))
			for _, use := range uses {
				if !slices.Contains(c.Uses[name], use) { // which other functions of the name have, or it had before
					c.Uses[name] = append(c.Uses[name], use)
					found[name] = true
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		search = slices.Sorted(maps.Keys(found))
	}
	for _, uses := range c.Uses {
		slices.SortFunc(uses, func(a, b Use) int {
			return cmp.Or(cmp.Compare(a.Relation.OID, b.Relation.OID), cmp.Compare(a.Column, b.Column))
		})
	}
	return nil
}

// namePatterns are those of LIKE for texts, in small letters, that have one of the names.
func namePatterns(names []string) []string {
	patterns := make([]string, len(names))
	for i, name := range names {
		patterns[i] = "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(name)) + "%"
	}
	return patterns
}

// plainSQL names the languages whose texts are SQL.
func plainSQL(language string) bool { return language == "sql" || language == "plpgsql" }

// splitPath gives the schemas of a search path as the server keeps it.
func splitPath(path string) (schemas []string) {
	name, quoted := []byte(nil), false
	for i := 0; i <= len(path); i++ {
		switch {
		case i == len(path) || path[i] == ',' && !quoted:
			schemas = append(schemas, string(name))
			name = name[:0]
		case path[i] == '"':
			if quoted && i+1 < len(path) && path[i+1] == '"' {
				name = append(name, '"')
				i++
			} else {
				quoted = !quoted
			}
		case path[i] != ' ' || quoted:
			name = append(name, path[i])
		}
	}
	return schemas
}
