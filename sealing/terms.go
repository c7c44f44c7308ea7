package sealing

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

// checkAddTerms refuses what keeps a sealed column from getting more terms beside its
// values, or those of lower and upper anew, where the server makes them otherwise now. s
// has the terms and folds that it is to have.
func checkAddTerms(ctx context.Context, tx pgx.Tx, c *column, o SealOptions) (s sealed, views []view, err error) {
	if s, err = sealedBehind(ctx, tx, c); err != nil {
		return s, nil, err
	}
	name := c.String()
	had, as := s.terms, s.normalizer
	s.terms |= c.wants.terms()
	if s.folds, err = checkFolds(ctx, tx, c, s.typ, s.original.Collation, s.terms&catalog.FoldTerms, o.folds); err != nil {
		return s, nil, err
	}
	if s.folds != nil {
		s.normalizer = catalog.Normalizer(s.terms, s.folds)
	}
	switch {
	case s.terms == had && (s.normalizer == as || c.wants.Normalize == 0):
		return s, nil, refuse(name, "pgseal column list shows the sealed columns and their terms", "the column is sealed already")
	case c.inherited:
		return s, nil, refuse(name, "seal the column of the parent table: its partitions and children follow", "the column is inherited")
	case !s.typ.HasEquality():
		return s, nil, refuse(name, "do without --equality", "type %s has no = operator", s.typeName)
	}
	if err := checkTree(c); err != nil {
		return s, nil, err
	}
	var nondeterministic bool
	if err := tx.QueryRow(ctx, `SELECT coalesce((SELECT NOT collisdeterministic FROM pg_catalog.pg_collation
		WHERE oid = pg_catalog.to_regcollation(nullif($1, ''))), false)`, s.original.Collation).Scan(&nondeterministic); err != nil {
		return s, nil, err
	}
	if nondeterministic {
		return s, nil, refuse(name, "do without --equality",
			"under a nondeterministic collation different strings are equal, and a term cannot tell that")
	}
	// Copies have the same domain, whose CHECK will ask for the term.
	all, err := places(ctx, tx, c.relation)
	if err != nil {
		return s, nil, err
	}
	var copies []string
	for i := range all {
		if all[i].sealed.id == s.id && !holds(c.tree, all[i].relation) {
			copies = append(copies, all[i].String())
		}
	}
	if len(copies) > 0 {
		return s, nil, refuse(name, "drop those tables or columns first", "copies of its values stand in %s", strings.Join(copies, ", "))
	}
	views, err = dependentViews(ctx, tx, []*column{c})
	return s, views, err
}

func holds(tree []member, relation uint32) bool {
	for i := range tree {
		if tree[i].oid == relation {
			return true
		}
	}
	return false
}

// addTerms seals every value of a sealed column anew with more terms, and has the
// column's domain ask for them. Nothing is in clear on the way.
func addTerms(ctx context.Context, tx pgx.Tx, c *column, o SealOptions) (*Report, error) {
	s, views, err := checkAddTerms(ctx, tx, c, o)
	if err != nil {
		return nil, err
	}
	resume, err := suspendForcedRowSecurity(ctx, tx, c.tree)
	if err != nil {
		return nil, err
	}
	keys, _, err := provision(ctx, tx, c, o)
	if err != nil {
		return nil, err
	}
	defer keys.erase()
	op := newOpener(keys.store)
	defer op.erase()
	to := &sealer{dataKeys: keys, typ: s.typ, columnID: s.id, terms: s.terms, folds: s.folds}
	defer to.erase()
	var canonical []byte
	defer func() { clear(canonical[:cap(canonical)]) }()
	again := func(dst, env []byte) ([]byte, error) {
		var err error
		if canonical, err = op.open(ctx, s, canonical[:0], env); err != nil {
			return dst, err
		}
		return to.seal(dst, canonical)
	}
	p := &part{column: c, id: s.id, stagedAs: "bytea", newType: quote("pgseal_column", c.domain), transform: again}
	r := replacement{parts: []*part{p}, progress: o.Progress}
	if err := r.count(ctx, tx); err != nil {
		return nil, err
	}
	var restore []string
	for i := range c.tree {
		if c.tree[i].def == "" {
			continue
		}
		if _, ok := catalog.UnwrapDefault(c.tree[i].def); ok {
			restore = append(restore, (&defaultOf{&c.tree[i], c.tree[i].def}).statement(c))
			continue
		}
		if err := to.unwrap(ctx); err != nil {
			return nil, err
		}
		sql, err := againDefault(ctx, tx, c, &c.tree[i], p.newType, s.id, again)
		if err != nil {
			return nil, err
		}
		restore = append(restore, (&defaultOf{&c.tree[i], sql}).statement(c))
	}
	if p.values > 0 {
		// Before the rows are read: the connection is busy then.
		if err := to.unwrap(ctx); err != nil {
			return nil, err
		}
		if err := op.prefetch(ctx, tx, c.tableSQL(), c.name); err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
	}
	if err := dropViews(ctx, tx, views); err != nil {
		return nil, err
	}
	if err := execAll(ctx, tx, "ALTER DOMAIN "+p.newType+" DROP CONSTRAINT sealed"); err != nil {
		return nil, err
	}
	if err := r.run(ctx, tx); err != nil {
		return nil, err
	}
	restore = append(restore,
		fmt.Sprintf("ALTER DOMAIN %s ADD CONSTRAINT sealed CHECK (pgseal.is_envelope(VALUE, %d, %d))", p.newType, s.id, to.terms),
		fmt.Sprintf("UPDATE pgseal.sealed_column SET terms = %d, index_key_id = %d, normalizer = nullif('%s', '') WHERE column_id = %d", to.terms, to.indexKeyID, s.normalizer, s.id))
	if err := execAll(ctx, tx, append(restore, resume...)...); err != nil {
		return nil, err
	}
	if err := recreateViews(ctx, tx, views, func(_ context.Context, _ pgx.Tx, sql string) (string, error) { return sql, nil }); err != nil {
		return nil, err
	}
	report := &Report{Column: c.String(), Rows: p.values}
	report.carried(c, nil, views)
	return report, nil
}

// againDefault gives a sealed default with the new terms, as SQL.
func againDefault(ctx context.Context, tx pgx.Tx, c *column, m *member, domain string, id uint32, again func(dst, env []byte) ([]byte, error)) (string, error) {
	env, err := evaluateDefault(ctx, tx, c, m, id)
	if err != nil {
		return "", err
	}
	if env == nil {
		return "NULL::" + domain, nil
	}
	if env, err = again(nil, env); err != nil {
		return "", fmt.Errorf("the default of %s: %w", display(m.schema, m.table, c.name), err)
	}
	return byteaSQL(env), nil
}
