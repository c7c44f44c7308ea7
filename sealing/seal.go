package sealing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/keystore"
)

// Target is a column to seal, and what is asked for with it.
type Target struct {
	Column   string // SCHEMA.TABLE.COLUMN
	Equality bool   // keep an equality term beside each value: =, IN, UNIQUE work; leaks which rows are equal
	// Normalize are terms beside that: of TermLower, so that lower(column) = lower($1)
	// works, and TermUpper; each leaks which rows are equal without regard to case.
	Normalize envelope.TermFlags
}

// terms are those that are asked for.
func (t Target) terms() envelope.TermFlags {
	if !t.Equality {
		return 0
	}
	return envelope.TermEquality | t.Normalize
}

// SealOptions are the choices of `pgseal seal`.
type SealOptions struct {
	Lock     Lock
	Progress Progress
	Keys     Keys

	folds foldsFound
}

// ByTable parts columns by their tables, each table where its first column stands.
func ByTable(ctx context.Context, conn *pgx.Conn, targets []Target) ([][]Target, error) {
	names := make([]string, len(targets))
	for i := range targets {
		names[i] = targets[i].Column
	}
	tables, _, err := parseNames(ctx, conn, names)
	if err != nil {
		return nil, err
	}
	// One that does not exist is as good as its name, until it is looked for.
	rows, err := conn.Query(ctx, `SELECT coalesce(pg_catalog.to_regclass(w.tab)::oid::text, w.tab) FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS w(tab, place) ORDER BY w.place`, tables)
	if err != nil {
		return nil, err
	}
	of, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var parts [][]Target
	places := map[string]int{}
	for i, table := range of {
		place, ok := places[table]
		if !ok {
			place = len(parts)
			places[table], parts = place, append(parts, nil)
		}
		parts[place] = append(parts[place], targets[i])
	}
	return parts, nil
}

// Seal turns plain columns of one table into sealed ones, and gives sealed ones the
// terms that they lack, in one transaction: after an error or an interruption all are as
// they were. The reports are in the order of the targets. The error is a *Refusal for
// what stands in the way. An interruption may close the connection.
func Seal(ctx context.Context, conn *pgx.Conn, targets []Target, o SealOptions) ([]*Report, error) {
	var reports []*Report
	var table string
	o.folds = foldsFound{} // before the lock, to be used under it
	h := change{conn: conn, targets: slices.Clone(targets), lock: o.Lock,
		check: func(ctx context.Context, tx pgx.Tx, columns []*column) error {
			plain, sealed := partSealed(columns)
			for _, c := range sealed {
				if _, _, err := checkAddTerms(ctx, tx, c, o); err != nil {
					return err
				}
			}
			if len(plain) == 0 {
				return nil
			}
			if _, err := checkSeal(ctx, tx, plain, o); err != nil {
				return err
			}
			return rehearseKeys(ctx, tx, plain, o)
		},
		apply: func(ctx context.Context, tx pgx.Tx, columns []*column) error {
			table = columns[0].tableSQL()
			made := map[*column]*Report{}
			plain, sealed := partSealed(columns)
			for _, c := range sealed {
				report, err := addTerms(ctx, tx, c, o)
				if err != nil {
					return err
				}
				made[c] = report
			}
			if len(plain) > 0 {
				if err := seal(ctx, tx, plain, o, made); err != nil {
					return err
				}
			}
			reports = nil
			for _, c := range columns {
				reports = append(reports, made[c])
			}
			return nil
		}}
	if err := h.run(ctx); err != nil {
		return nil, err
	}
	analyze(ctx, conn, table, reports...)
	return reports, nil
}

// partSealed parts the columns that are sealed already from those that are not.
func partSealed(columns []*column) (plain, sealed []*column) {
	for _, c := range columns {
		if c.domain == "" {
			plain = append(plain, c)
		} else {
			sealed = append(sealed, c)
		}
	}
	return plain, sealed
}

// readCommitted whatever the role's default is: the rows must be seen as they
// are once the lock is had.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

// analyze makes statistics of the terms for the planner; those of the plain columns went
// with the change of type. The columns are sealed by now whether it succeeds or not.
func analyze(ctx context.Context, conn *pgx.Conn, table string, reports ...*Report) {
	if _, err := conn.Exec(ctx, "ANALYZE "+table); err != nil {
		for _, r := range reports {
			r.Remains = append(r.Remains, Remainder{"nothing in clear, but the planner has no statistics of the column yet", "ANALYZE " + table})
		}
	}
}

// around is what stands around columns that are to be sealed, and comes along.
type around struct {
	indexes []index
	creates []string              // make them anew
	notes   map[*column][]carried // what to remember of them
	views   []view
	folds   map[*column]*catalog.Folds // nil without such terms
}

// checkSeal refuses what stands in the way, or gives what comes along.
func checkSeal(ctx context.Context, tx pgx.Tx, columns []*column, o SealOptions) (a around, err error) {
	if err := checkSealable(ctx, tx, columns); err != nil {
		return a, err
	}
	a.folds = map[*column]*catalog.Folds{}
	for _, c := range columns {
		if a.folds[c], err = checkFolds(ctx, tx, c, c.typ, c.collation, c.wants.Normalize, o.folds); err != nil {
			return a, err
		}
	}
	if a.indexes, err = indexesOver(ctx, tx, columns); err != nil {
		return a, err
	}
	if a.creates, a.notes, err = carryIndexes(ctx, tx, columns, a.indexes); err != nil {
		return a, err
	}
	a.views, err = dependentViews(ctx, tx, columns)
	return a, err
}

// seal seals plain columns of one table, and enters a report for each.
func seal(ctx context.Context, tx pgx.Tx, columns []*column, o SealOptions, reports map[*column]*Report) error {
	a, err := checkSeal(ctx, tx, columns, o)
	if err != nil {
		return err
	}
	tree := columns[0].tree
	resume, err := suspendForcedRowSecurity(ctx, tx, tree)
	if err != nil {
		return err
	}
	keys, table, err := provision(ctx, tx, columns[0], o)
	if err != nil {
		return err
	}
	defer keys.erase()
	domains, err := createDomains(ctx, tx, columns)
	if err != nil {
		return err
	}
	r := replacement{progress: o.Progress}
	kept, defaults := make([]original, len(columns)), make([][]defaultOf, len(columns))
	for i, c := range columns {
		s := &sealer{dataKeys: keys, typ: c.typ, columnID: domains[i].id, terms: c.wants.terms(), folds: a.folds[c]}
		defer s.erase()
		r.parts = append(r.parts, &part{column: c, id: s.columnID, stagedAs: "bytea", newType: domains[i].sql, sealer: s, transform: s.seal})
		kept[i] = original{Collation: c.collation, Indexes: a.notes[c], Storage: keepStorage(c.tree), Labels: c.typ.Labels()}
		if defaults[i], kept[i].Defaults, err = sealDefaults(ctx, tx, c, domains[i].sql, s); err != nil {
			return err
		}
	}
	if err := dropViews(ctx, tx, a.views); err != nil {
		return err
	}
	if err := dropIndexes(ctx, tx, a.indexes); err != nil {
		return err
	}
	if err := r.count(ctx, tx); err != nil {
		return err
	}
	for _, p := range r.parts {
		if p.values > 0 {
			if err := p.sealer.unwrap(ctx); err != nil {
				return err
			}
		}
	}
	if err := r.run(ctx, tx); err != nil {
		return err
	}
	for i, c := range columns {
		for k := range defaults[i] {
			a.creates = append(a.creates, defaults[i][k].statement(c))
		}
	}
	if err := execAll(ctx, tx, append(a.creates, resume...)...); err != nil {
		return err
	}
	if err := record(ctx, tx, r.parts, table, kept); err != nil {
		return err
	}
	if err := recreateViews(ctx, tx, a.views, rewriteView); err != nil {
		return err
	}
	triggers, err := userTriggers(ctx, tx, tree)
	if err != nil {
		return err
	}
	for i, p := range r.parts {
		report := &Report{Column: p.column.String(), Rows: p.values, Triggers: triggers}
		report.carried(p.column, a.indexes, a.views)
		if report.Remains, err = remains(ctx, tx, p.column, left{rows: p.values, defaults: len(defaults[i]) > 0}); err != nil {
			return err
		}
		reports[p.column] = report
	}
	return nil
}

// carried lists those of the indexes and views that are over the column.
func (r *Report) carried(c *column, indexes []index, views []view) {
	for i := range indexes {
		if slices.Contains(indexes[i].over, c) {
			r.Indexes = append(r.Indexes, display(indexes[i].schema, indexes[i].name))
		}
	}
	for i := range views {
		if slices.Contains(views[i].over, c) {
			r.Views = append(r.Views, display(views[i].schema, views[i].name))
		}
	}
}

// suspendForcedRowSecurity lets the owner read all rows where row security is
// forced upon the owner too. The statements put it back.
func suspendForcedRowSecurity(ctx context.Context, tx pgx.Tx, tree []member) (resume []string, err error) {
	for i := range tree {
		if m := &tree[i]; m.forced {
			if err := execAll(ctx, tx, "ALTER TABLE "+m.sql()+" NO FORCE ROW LEVEL SECURITY"); err != nil {
				return nil, err
			}
			resume = append(resume, "ALTER TABLE "+m.sql()+" FORCE ROW LEVEL SECURITY")
		}
	}
	return resume, nil
}

// provision gives the table its data keys.
func provision(ctx context.Context, tx pgx.Tx, c *column, o SealOptions) (*dataKeys, keystore.Table, error) {
	store, err := o.Keys(tx)
	if err != nil {
		return nil, keystore.Table{}, err
	}
	table, err := store.Provision(ctx, c.relation)
	if err != nil {
		return nil, table, fmt.Errorf("data keys of %s: %w", display(c.schema, c.table), err)
	}
	return &dataKeys{store: store, sealKeyID: table.Seal.ID, indexKeyID: table.Index.ID}, table, nil
}

// rehearseKeys makes and opens the keys that the sealing will need, and takes
// them back: the table shall not stand locked while KMS is found to refuse, or
// takes its time.
func rehearseKeys(ctx context.Context, tx pgx.Tx, columns []*column, o SealOptions) error {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	err = func() error {
		// First the table, then the rows of its keys, as the sealing itself does.
		needed, err := needKeys(ctx, sp, columns)
		if err != nil {
			return err
		}
		keys, _, err := provision(ctx, sp, columns[0], o)
		if err != nil {
			return err
		}
		defer keys.erase()
		for i, c := range columns {
			if needed[i] {
				if err := keys.unwrap(ctx, c.wants.terms()); err != nil {
					return err
				}
			}
		}
		return nil
	}()
	return errors.Join(err, sp.Rollback(ctx))
}

// needKeys says of each column whether it has a value, or a default, to be sealed.
func needKeys(ctx context.Context, tx pgx.Tx, columns []*column) ([]bool, error) {
	needed, asked := make([]bool, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		asked[i] = fmt.Sprintf("EXISTS (SELECT FROM %s WHERE %s IS NOT NULL)", c.tableSQL(), quote(c.name))
		needed[i] = slices.ContainsFunc(c.tree, func(m member) bool { return m.def != "" })
	}
	if slices.ContainsFunc(columns[0].tree, func(m member) bool { return m.forced }) { // the owner sees its rows only under the lock
		return needed, nil
	}
	var filled []bool
	if err := tx.QueryRow(ctx, "SELECT ARRAY["+strings.Join(asked, ", ")+"]").Scan(&filled); err != nil {
		return nil, err
	}
	for i := range needed {
		needed[i] = needed[i] || filled[i]
	}
	return needed, nil
}

// maxDomainName leaves room for the column id in PostgreSQL's 63 bytes.
const maxDomainName = 50

// domain is that of a column that is being sealed.
type domain struct {
	id  uint32 // of the column
	sql string
}

// createDomains makes the columns' domains.
func createDomains(ctx context.Context, tx pgx.Tx, columns []*column) ([]domain, error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = strings.Join([]string{c.schema, c.table, c.name}, "_")
	}
	// The ids are drawn first: the CHECKs name them.
	rows, err := tx.Query(ctx, `
SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('pgseal.sealed_column', 'column_id')),
       pg_catalog.to_regtype('pgseal_column.' || pg_catalog.quote_ident(w.name)) IS NOT NULL
FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS w(name, place) ORDER BY w.place`, names)
	if err != nil {
		return nil, err
	}
	var domains []domain
	var creates []string
	var id uint32
	var taken bool
	made := map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&id, &taken}, func() error {
		c, name := columns[len(domains)], names[len(domains)]
		if taken || made[name] || len(name) > maxDomainName {
			name = fmt.Sprintf("%s_%d", truncate(name, maxDomainName), id)
		}
		made[name] = true
		d := domain{id, quote("pgseal_column", name)}
		domains = append(domains, d)
		creates = append(creates, fmt.Sprintf("CREATE DOMAIN %s AS bytea CONSTRAINT sealed CHECK (pgseal.is_envelope(VALUE, %d, %d))%s",
			d.sql, d.id, c.wants.terms(), rulesOf(c)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return domains, execAll(ctx, tx, creates...)
}

// rulesOf are further rules of the domain of a column whose type is not built
// in: a domain that refuses NULL has its like refuse it.
func rulesOf(c *column) string {
	if c.typ.Def != nil && c.typ.Def.NotNull() {
		return " NOT NULL"
	}
	return ""
}

// truncate cuts at a character boundary, to at most n bytes.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// record enters the columns among those that are sealed.
func record(ctx context.Context, tx pgx.Tx, parts []*part, t keystore.Table, kept []original) error {
	batch := &pgx.Batch{}
	for i, p := range parts {
		data, err := json.Marshal(kept[i])
		if err != nil {
			return err
		}
		s, c := p.sealer, p.column
		var indexKey *uint32
		if s.terms != 0 {
			indexKey = &t.Index.ID
		}
		var normalizer *string
		if s.folds != nil {
			text := catalog.Normalizer(s.terms, s.folds)
			normalizer = &text
		}
		batch.Queue(`
INSERT INTO pgseal.sealed_column (column_id, table_id, domain, schema_name, table_name, column_name, logical_type, typmod, terms, index_key_id, original, normalizer)
VALUES ($1, $2, $3::text::regtype, $4, $5, $6, $7::oid::regtype, $8, $9, $10, $11, $12)`,
			s.columnID, t.ID, p.newType, c.schema, c.table, c.name, c.typ.OID, c.typ.Typmod, int(s.terms), indexKey, data, normalizer)
	}
	return tx.SendBatch(ctx, batch).Close()
}
