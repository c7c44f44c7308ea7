package catalog

import (
	"context"
	"reflect"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
)

// loadShown reads what the catalogs must show. have is what was loaded before,
// or nil: views of the same server are taken from it.
// sealed are the relations with sealed columns.
func loadShown(ctx context.Context, tx reader, have *Shown, sealed []uint32) (*Shown, error) {
	s := &Shown{}
	if err := about(tx, ofSchemas).QueryRow(ctx, `SELECT current_setting('server_version_num')::int,
		coalesce((SELECT row_to_json(a)::text NOT LIKE '%pgseal_alias%' FROM pg_am a (pgseal_alias) LIMIT 1), true),
		coalesce((SELECT `+byBytes+` FROM pg_collation o WHERE o.collprovider = 'd'), false),
		EXISTS (SELECT FROM pg_collation WHERE NOT collisdeterministic), getdatabaseencoding() = 'UTF8'`).Scan(&s.ServerVersion, &s.RowsKeepNames, &s.ByBytes, &s.Loose, &s.UTF8); err != nil {
		return nil, err
	}
	var err error
	if s.Types, err = loadShownTypes(ctx, tx); err != nil {
		return nil, err
	}
	if s.Storage, err = loadShownStorage(ctx, tx, sealed); err != nil {
		return nil, err
	}
	if s.notes, err = loadIndexNotes(ctx, tx); err != nil {
		return nil, err
	}
	if s.Indexes, err = loadShownIndexes(ctx, tx, s, sealed); err != nil {
		return nil, err
	}
	if err = loadHidden(ctx, tx, &s.Hidden); err != nil {
		return nil, err
	}
	if have != nil && have.ServerVersion == s.ServerVersion {
		s.Views = have.Views
		return s, nil
	}
	s.Views, err = shownViews(ctx, tx, s.ServerVersion)
	return s, err
}

// byBytes says whether a collation o sorts texts by their bytes in UTF-8: C, C.UTF-8 and
// what else goes by code points. Of the one that is the database's own, pg_database has the
// locale. The names of columns differ between versions.
const byBytes = `(SELECT getdatabaseencoding() = 'UTF8' AND (provider = 'b' OR provider = 'c' AND locale ~ '^(C|POSIX|[Cc][.](utf|UTF)-?8)$')
			FROM (SELECT CASE o.collprovider WHEN 'd' THEN coalesce(own ->> 'datlocprovider', 'c') ELSE o.collprovider::text END,
			             CASE o.collprovider WHEN 'd' THEN own ->> 'datcollate' ELSE o.collcollate::text END
			        FROM (SELECT to_jsonb(d) FROM pg_database d WHERE d.datname = current_database()) d(own)) l(provider, locale))`

func loadShownTypes(ctx context.Context, tx reader) ([]ShownType, error) {
	rows, err := about(tx, ofMetadata|ofDomains|ofTypes|ofSchemas).Query(ctx, `
		SELECT s.domain::oid, format_type(s.domain, NULL), t.oid, s.typmod, format_type(t.oid, s.typmod),
		       t.typlen, t.typbyval, t.typalign::text, t.typstorage::text,
		       coalesce(to_regcollation(s.original ->> 'collation')::oid, t.typcollation),
		       ARRAY[coalesce(n.nspname, ''), coalesce(c.collname, '')]::text[],
		       coalesce((SELECT `+byBytes+` FROM pg_collation o WHERE o.oid = coalesce(to_regcollation(s.original ->> 'collation')::oid, t.typcollation)), false),
		       t.typtype = 'b' AND t.typcategory = 'A'
		  FROM pgseal.sealed_column s JOIN pg_type t ON t.oid = s.logical_type
		  LEFT JOIN pg_collation c ON c.oid = to_regcollation(s.original ->> 'collation') AND c.oid >= 16384
		  LEFT JOIN pg_namespace n ON n.oid = c.collnamespace
		 ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (t ShownType, err error) {
		err = r.Scan(&t.Domain, &t.DomainName, &t.OID, &t.Typmod, &t.Name, &t.Len, &t.ByVal, &t.Align, &t.Storage, &t.Collation, &t.OwnCollation, &t.ByBytes, &t.Array)
		return t, err
	})
}

// loadShownStorage reads what sealing noted of storage, which a change of type
// resets.
func loadShownStorage(ctx context.Context, tx reader, sealed []uint32) ([]ShownStorage, error) {
	rows, err := about(tx, ofMetadata|ofSealed|ofSchemas).Query(ctx, `
		SELECT a.attrelid, a.attnum,
		       coalesce(CASE n ->> 'storage' WHEN 'PLAIN' THEN 'p' WHEN 'EXTERNAL' THEN 'e' WHEN 'MAIN' THEN 'm' WHEN 'EXTENDED' THEN 'x' END, ''),
		       coalesce(CASE n ->> 'compression' WHEN 'pglz' THEN 'p' WHEN 'lz4' THEN 'l' END, '')
		  FROM pgseal.sealed_column s CROSS JOIN jsonb_array_elements(s.original -> 'storage') n
		  JOIN pg_attribute a ON a.atttypid = s.domain AND a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY($1)
		  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm') AND c.relname = n ->> 'table'
		  JOIN pg_namespace ns ON ns.oid = c.relnamespace AND ns.nspname = n ->> 'schema'
		 ORDER BY 1, 2`, sealed)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (s ShownStorage, err error) {
		err = r.Scan(&s.Relation, &s.AttNum, &s.Storage, &s.Compression)
		return s, err
	})
}

// indexNote is what sealing noted of an index, for unsealing (see
// sealing/carry.go).
type indexNote struct {
	domain                        uint32
	schema, name, comment, suffix string
	constraint                    bool
}

func loadIndexNotes(ctx context.Context, tx reader) ([]indexNote, error) {
	rows, err := about(tx, ofMetadata).Query(ctx, `
		SELECT s.domain::oid, coalesce(n ->> 'schema', ''), coalesce(n ->> 'name', ''), coalesce(n ->> 'comment', ''),
		       coalesce(n ->> 'suffix', ''), coalesce((n ->> 'constraint')::boolean, false)
		  FROM pgseal.sealed_column s CROSS JOIN jsonb_array_elements(s.original -> 'indexes') n
		 ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (n indexNote, err error) {
		err = r.Scan(&n.domain, &n.schema, &n.name, &n.comment, &n.suffix, &n.constraint)
		return n, err
	})
}

// noteOf finds what was noted of an index for one column: under its full name,
// or, since tables are moved into other schemas, under its name alone.
func noteOf(notes []indexNote, domain uint32, schema, name string) (found indexNote, ok bool) {
	count := 0
	for _, n := range notes {
		if n.domain != domain || n.name != name {
			continue
		}
		if n.schema == schema {
			return n, true
		}
		found = n
		count++
	}
	return found, count == 1
}

// loadShownIndexes reads the indexes over terms, element by element. What s says of
// types and notes is known.
func loadShownIndexes(ctx context.Context, tx reader, s *Shown, sealed []uint32) ([]ShownIndex, error) {
	var domains, types, collations []uint32
	for i := range s.Types {
		t := &s.Types[i]
		domains, types, collations = append(domains, t.Domain), append(types, t.OID), append(collations, t.Collation)
	}
	// The catalogs of before PostgreSQL 15 have no indnullsnotdistinct.
	rows, err := about(tx, ofMetadata|ofSealed|ofDomains|ofSchemas).Query(ctx, `
		SELECT i.indexrelid, i.indrelid, ic.relnamespace, ns.nspname::text, ic.relname::text, am.amname::text, i.indnkeyatts,
		       coalesce((SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid = i.indexrelid), 0),
		       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
		       coalesce(term.attnum, plain.attnum, 0), coalesce(quote_ident(coalesce(term.attname, plain.attname)), ''),
		       coalesce(CASE WHEN `+indexTermKind+` = 1 THEN term.attname END, plain.attname, (SELECT attname FROM pg_attribute WHERE attrelid = i.indexrelid AND attnum = e.n))::text, term.attname IS NOT NULL, coalesce(term.atttypid, 0),
		       coalesce(CASE WHEN term.attname IS NULL THEN i.indclass[e.n - 1] ELSE (
		           SELECT o.oid FROM pg_opclass o
		            WHERE o.opcmethod = ic.relam AND o.opcdefault
		              AND o.opcintype = CASE WHEN t.oid = 'varchar'::regtype OR `+indexTermKind+` <> 1 THEN 'text'::regtype ELSE t.oid END
		       ) END, 0),
		       coalesce(CASE WHEN term.attname IS NULL THEN i.indcollation[e.n - 1] ELSE t.coll END, 0),
		       coalesce(i.indoption[e.n - 1], 0::int2),
		       i.indisunique AND i.indpred IS NULL AND term.attname IS NOT NULL AND i.indoption[e.n - 1] & 1 = 1,
		       coalesce(CASE WHEN term.attname IS NOT NULL THEN terms.notes[`+expressionNumber+`] END, ''), coalesce(`+indexTermKind+`, 1)
		  FROM pg_index i
		  JOIN pg_class ic ON ic.oid = i.indexrelid
		  JOIN pg_namespace ns ON ns.oid = ic.relnamespace
		  JOIN pg_am am ON am.oid = ic.relam
		 CROSS JOIN LATERAL generate_series(1, i.indnatts::integer) AS e(n)
		  LEFT JOIN pg_attribute plain
		         ON plain.attrelid = i.indrelid AND plain.attnum = i.indkey[e.n - 1] AND plain.attnum > 0
		 CROSS JOIN `+indexTerms+`
		  `+indexTerm+`
		  LEFT JOIN unnest($2::oid[], $3::oid[], $4::oid[]) AS t(domain, oid, coll) ON t.domain = term.atttypid
		 WHERE i.indexprs IS NOT NULL AND i.indrelid = ANY($1)
		 ORDER BY i.indexrelid, e.n`, sealed, domains, types, collations)
	if err != nil {
		return nil, err
	}
	var (
		all            []ShownIndex
		x              ShownIndex
		e              ShownElement
		schema, method string
		made           bool
		note           string
		kind           int32
		schemas        = map[uint32]string{}
		methods        = map[uint32]string{}
	)
	_, err = pgx.ForEachRow(rows, []any{&x.OID, &x.Relation, &x.Schema, &schema, &x.Name, &method, &x.KeyColumns, &x.Parent, &x.NullsEqual,
		&e.AttNum, &e.Column, &e.Name, &e.Term, &e.Domain, &e.OpClass, &e.Collation, &e.Option, &made, &note, &kind}, func() error {
		if n := len(all); n == 0 || all[n-1].OID != x.OID {
			all = append(all, x)
			schemas[x.OID], methods[x.OID] = schema, method
		}
		last := &all[len(all)-1]
		if made {
			last.Made, last.Constraint, e.Option = true, true, 0
		}
		if e.Fold = envelope.TermFlags(kind) & FoldTerms; e.Fold != 0 {
			e.AttNum = 0
		}
		e.Note = noteText(note)
		e.Suffix, _ = ParseSuffix(e.Note)
		last.Elements = append(last.Elements, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var kept []ShownIndex
	for _, x := range all {
		if x.hasTerm() {
			kept = append(kept, x)
		}
	}
	applyNotes(kept, s.notes, schemas)
	return kept, resolve(ctx, tx, kept, methods)
}

// inside is what the catalogs show inside of a transaction, which may have made,
// renamed and dropped indexes.
func (s *Shown) inside(ctx context.Context, tx reader, sealed []uint32) (*Shown, error) {
	if s == nil {
		return nil, nil
	}
	indexes, err := loadShownIndexes(ctx, tx, s, sealed)
	if err != nil || reflect.DeepEqual(indexes, s.Indexes) {
		return s, err
	}
	n := s.copied()
	n.Indexes = indexes
	return n, nil
}

func (x *ShownIndex) hasTerm() bool {
	for i := range x.Elements {
		if x.Elements[i].Term {
			return true
		}
	}
	return false
}

// applyNotes gives the indexes what sealing noted of them. One of a partition
// that was made since is what its parent is.
func applyNotes(all []ShownIndex, notes []indexNote, schemas map[uint32]string) {
	byOID := map[uint32]*ShownIndex{}
	for i := range all {
		byOID[all[i].OID] = &all[i]
	}
	for i := range all {
		x := &all[i]
		for k := range x.Elements {
			e := &x.Elements[k]
			if !e.Term || e.Note != "" {
				continue
			}
			// Partitions nest less deeply than this.
			const maxDepth = 64
			at := x
			for range maxDepth {
				n, ok := noteOf(notes, e.Domain, schemas[at.OID], at.Name)
				if ok {
					e.Suffix, _ = ParseSuffix(n.suffix)
					x.Constraint = x.Constraint || n.constraint
					if at == x {
						x.Comment = n.comment
					}
					break
				}
				if at = byOID[at.Parent]; at == nil {
					break
				}
			}
		}
	}
}

const (
	optionDescending = 1
	optionNullsFirst = 2
)

// resolve finds the objects that suffixes name, and turns these into the form in
// which the server prints them: without what the column has by itself.
func resolve(ctx context.Context, tx reader, all []ShownIndex, methodOf map[uint32]string) error {
	var (
		elements                      []*ShownElement
		methods, opClasses, collNames []string
		ownClasses, ownCollations     []uint32
	)
	for i := range all {
		for k := range all[i].Elements {
			e := &all[i].Elements[k]
			if e.Suffix == (Suffix{}) {
				continue
			}
			e.order()
			elements = append(elements, e)
			methods, opClasses, collNames = append(methods, methodOf[all[i].OID]), append(opClasses, e.Suffix.OpClass), append(collNames, e.Suffix.Collation)
			ownClasses, ownCollations = append(ownClasses, e.OpClass), append(ownCollations, e.Collation)
		}
	}
	if len(elements) == 0 {
		return nil
	}
	const named = "CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident"
	rows, err := tx.Query(ctx, `
		SELECT coalesce(o.oid, e.class), coalesce(`+named+`(o.opcname), ''), coalesce(c.oid, e.coll), coalesce(c.name, '')
		  FROM unnest($1::text[], $2::text[], $3::oid[], $4::text[], $5::oid[]) WITH ORDINALITY AS e(method, opclass, class, collname, coll, n)
		  LEFT JOIN (pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am a ON a.oid = o.opcmethod)
		    ON a.amname = e.method AND quote_ident(n.nspname) || '.' || quote_ident(o.opcname) = e.opclass AND o.oid <> e.class
		  LEFT JOIN (SELECT c.oid, `+named+`(c.collname) AS name FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace) c
		    ON c.oid = to_regcollation(nullif(e.collname, ''))::oid AND c.oid <> e.coll
		 ORDER BY e.n`, methods, opClasses, ownClasses, collNames, ownCollations)
	if err != nil {
		return err
	}
	var found ShownElement
	next := 0
	_, err = pgx.ForEachRow(rows, []any{&found.OpClass, &found.Suffix.OpClass, &found.Collation, &found.Suffix.Collation}, func() error {
		e := elements[next]
		e.OpClass, e.Suffix.OpClass, e.Collation, e.Suffix.Collation = found.OpClass, found.Suffix.OpClass, found.Collation, found.Suffix.Collation
		next++
		return nil
	})
	return err
}

// order gives the element the options that its suffix stands for.
func (e *ShownElement) order() {
	if strings.Contains(e.Suffix.Order, "DESC") {
		e.Option |= optionDescending | optionNullsFirst
	}
	switch {
	case strings.Contains(e.Suffix.Order, "FIRST"):
		e.Option |= optionNullsFirst
	case strings.Contains(e.Suffix.Order, "LAST"):
		e.Option &^= optionNullsFirst
	}
}

func loadHidden(ctx context.Context, tx reader, h *Hidden) error {
	// VACUUM FULL gives tables of pgseal's other toast tables: no answer is kept.
	return tx.QueryRow(ctx, `
		WITH schemas AS (SELECT oid FROM pg_namespace WHERE nspname IN ('pgseal', 'pgseal_column')),
		relations AS (SELECT oid, reltoastrelid FROM pg_class WHERE relnamespace IN (SELECT oid FROM schemas)),
		toast AS (
			SELECT reltoastrelid AS oid FROM relations WHERE reltoastrelid <> 0
			UNION ALL
			SELECT i.indexrelid FROM relations r JOIN pg_index i ON i.indrelid = r.reltoastrelid WHERE r.reltoastrelid <> 0
		)
		SELECT ARRAY(SELECT oid FROM schemas ORDER BY oid),
		       ARRAY(SELECT oid FROM relations UNION ALL SELECT oid FROM toast ORDER BY oid),
		       ARRAY(SELECT oid FROM toast ORDER BY oid),
		       ARRAY(SELECT oid FROM pg_type WHERE typnamespace IN (SELECT oid FROM schemas) ORDER BY oid),
		       ARRAY(SELECT oid FROM pg_proc WHERE pronamespace IN (SELECT oid FROM schemas) ORDER BY oid),
		       ARRAY(SELECT oid FROM pg_constraint WHERE connamespace IN (SELECT oid FROM schemas) ORDER BY oid)`).Scan(
		&h.Schemas, &h.Relations, &h.Toast, &h.Types, &h.Functions, &h.Constraints)
}
