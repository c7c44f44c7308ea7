package catalog

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A write can fire a trigger that uses sealed values although it names none: that of
// another table, whose code reads one that has them; or one that is fired by a foreign
// key's action, or below a partitioned table or a view. What the statement names has
// them all, and belongs to the snapshot.

const (
	triggerRow    = 1
	triggerInsert = 4
	triggerDelete = 8
	triggerUpdate = 16
)

// loadTriggers adds to relations the triggers that may use a sealed column when they
// are written. byOID are those with sealed columns.
func loadTriggers(ctx context.Context, tx reader, c *Contents, byOID map[uint32]*Relation, sealed []uint32, named func(string) []*Relation) error {
	search := slices.Concat(slices.Collect(maps.Keys(c.Uses)))
	for _, r := range byOID {
		search = append(search, r.Name)
	}
	slices.Sort(search)
	rows, err := about(tx, ofCode).Query(ctx, `
		SELECT t.tgrelid, t.tgname::text, t.tgtype::int, l.lanname::text, p.proname::text, p.prosrc, encode(t.tgargs, 'escape'),
		       coalesce(t.tgnewtable, t.tgoldtable) IS NOT NULL,
		       (SELECT substr(s, length('search_path=') + 1) FROM unnest(p.proconfig) s WHERE s LIKE 'search\_path=%')
		  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
		 WHERE (t.tgrelid = ANY($1) OR l.lanname NOT IN ('internal', 'c') AND lower(p.prosrc) LIKE ANY($2))
		   AND NOT t.tgisinternal AND t.tgenabled <> 'D'
		 ORDER BY t.tgrelid, t.tgname`, sealed, namePatterns(slices.Compact(search)))
	if err != nil {
		return err
	}
	var (
		oid                                       uint32
		kind                                      int32
		name, language, function, text, arguments string
		tables                                    bool
		path                                      *string
		found                                     = map[uint32][]Trigger{}
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &kind, &language, &function, &text, &arguments, &tables, &path}, func() error {
		t := Trigger{Name: name, Insert: kind&triggerInsert != 0, Update: kind&triggerUpdate != 0, Delete: kind&triggerDelete != 0}
		r := byOID[oid]
		if r != nil {
			column := triggerUses(text, arguments, language == "plpgsql" || language == "internal" || language == "c", r, named)
			if column == "" && tables && readCode(text).wholeRow() {
				column = firstSealed(r)
			}
			if column != "" {
				own := t
				own.Of, own.Column, own.Anywhere = r, column, true
				found[oid] = append(found[oid], own)
			}
		}
		code := Code{Text: text, SQL: plainSQL(language)}
		if path != nil {
			code.OwnPath, code.Path = true, splitPath(*path)
		}
		uses := Uses(code, named)
		for w := range readCode(text).words {
			uses = append(uses, code.Through(c.Uses[w])...)
		}
		for _, use := range uses {
			if use.Relation != r || kind&triggerRow == 0 { // it reads the table by itself
				t.Of, t.Column, t.Anywhere = use.Relation, use.Column, use.Anywhere
				found[oid] = append(found[oid], t)
			}
		}
		if len(uses) > 0 {
			c.Triggering = append(c.Triggering, function)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(c.Triggering)
	c.Triggering = slices.Compact(c.Triggering)
	if err := spreadTriggers(ctx, tx, found); err != nil {
		return err
	}
	return placeTriggers(ctx, tx, c, found)
}

func firstSealed(r *Relation) string {
	for i := range r.Columns {
		if r.Columns[i].Sealed != nil {
			return r.Columns[i].Name
		}
	}
	return ""
}

// spreadTriggers gives the triggers of relations to those through which rows of theirs
// are written: to what is above them, and to what their foreign keys reference.
func spreadTriggers(ctx context.Context, tx reader, found map[uint32][]Trigger) error {
	const action = "IN ('c', 'n', 'd')" // CASCADE, SET NULL, SET DEFAULT
	for from := slices.Sorted(maps.Keys(found)); len(from) > 0; {
		rows, err := tx.Query(ctx, `
			SELECT inhrelid, inhparent, '', '',
			       coalesce((SELECT CASE WHEN 0 = ANY(p.partattrs::int2[]) THEN '`+anyKey+`' ELSE
			                    (SELECT string_agg(attname, '`+keySeparator+`' ORDER BY attnum) FROM pg_attribute WHERE attrelid = p.partrelid AND attnum = ANY(p.partattrs::int2[])) END
			                  FROM pg_partitioned_table p WHERE p.partrelid = inhparent), '')
			  FROM pg_inherits WHERE inhrelid = ANY($1)
			UNION
			SELECT d.refobjid, r.ev_class, 'v', '', '' FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
			 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY($1) AND r.ev_class <> d.refobjid
			UNION
			SELECT conrelid, confrelid, confdeltype::text, confupdtype::text,
			       (SELECT string_agg(attname, '`+keySeparator+`' ORDER BY attnum) FROM pg_attribute WHERE attrelid = confrelid AND attnum = ANY(confkey))
			  FROM pg_constraint
			 WHERE contype = 'f' AND conrelid = ANY($1) AND (confdeltype `+action+` OR confupdtype `+action+`)
			 ORDER BY 1, 2, 3, 4, 5`, from)
		if err != nil {
			return err
		}
		var below, up uint32
		var deletes, updates, keys string
		more := map[uint32]bool{}
		add := func(t Trigger) {
			if (t.Insert || t.Update || t.Delete) && !slices.Contains(found[up], t) {
				found[up] = append(found[up], t)
				more[up] = true
			}
		}
		_, err = pgx.ForEachRow(rows, []any{&below, &up, &deletes, &updates, &keys}, func() error {
			for _, t := range found[below] {
				switch deletes {
				case "": // a parent
					if keys != "" && (t.Insert || t.Delete) {
						add(t.byMoving(keys))
					}
				case "v":
					t.Keys = "" // a view has other names
				default:
					t = t.byForeignKey(deletes, updates, keys)
				}
				add(t)
			}
			return nil
		})
		if err != nil {
			return err
		}
		from = slices.Sorted(maps.Keys(more))
	}
	return nil
}

// keySeparator stands between the names in Trigger.Keys; anyKey is a partition key with
// an expression in it.
const (
	keySeparator = "\x01"
	anyKey       = "\x02"
)

// byMoving is when a trigger of a partition is fired by an update of the partitioned
// table that moves a row to another partition.
func (t Trigger) byMoving(keys string) Trigger {
	t.Insert, t.Update, t.Delete, t.Keys = false, true, false, keys
	if keys == anyKey {
		t.Keys = ""
	}
	return t
}

// byForeignKey is when a trigger is fired by what is done to the table that a foreign
// key of its own references.
func (t Trigger) byForeignKey(deletes, updates, keys string) Trigger {
	by := t
	by.Insert, by.Keys = false, keys
	switch deletes {
	case "c":
	case "n", "d":
		by.Delete = t.Update
	default:
		by.Delete = false
	}
	by.Update = t.Update && strings.Contains("cnd", updates)
	return by
}

// placeTriggers puts the triggers to their relations, and loads those of these that are
// not there, with all of their names.
func placeTriggers(ctx context.Context, tx reader, c *Contents, found map[uint32][]Trigger) error {
	there := map[uint32]*Relation{}
	for _, r := range c.Relations {
		there[r.OID] = r
	}
	var missing []uint32
	for _, oid := range slices.Sorted(maps.Keys(found)) {
		if there[oid] == nil {
			missing = append(missing, oid)
		}
	}
	if len(missing) > 0 {
		more, err := loadNamesakes(ctx, tx, missing, there)
		if err != nil {
			return err
		}
		c.Relations = append(c.Relations, more...)
		slices.SortFunc(c.Relations, func(a, b *Relation) int { return cmp.Compare(a.OID, b.OID) })
	}
	for oid, triggers := range found {
		if r := there[oid]; r != nil {
			r.Triggers = triggers
		}
	}
	return nil
}

// loadNamesakes gives the relations that have the names of some, and adds them to there.
func loadNamesakes(ctx context.Context, tx reader, oids []uint32, there map[uint32]*Relation) (more []*Relation, err error) {
	rows, err := tx.Query(ctx, `
		SELECT c.oid, n.nspname::text, c.relname::text, c.relkind
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND c.relname IN (SELECT relname FROM pg_class WHERE oid = ANY($1))
		 ORDER BY c.oid`, oids)
	if err != nil {
		return nil, err
	}
	var one Relation
	var kind rune
	var unknown []uint32
	_, err = pgx.ForEachRow(rows, []any{&one.OID, &one.Schema, &one.Name, &kind}, func() error {
		if there[one.OID] == nil {
			relation := one
			relation.Kind = byte(kind)
			there[one.OID] = &relation
			more, unknown = append(more, &relation), append(unknown, one.OID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return more, loadAttributes(ctx, tx, sealedTypes{}, there, unknown)
}
