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

// SealOptions are the choices of `pgseal seal`.
type SealOptions struct {
	Equality bool // keep an equality term beside each value: =, IN, UNIQUE work; leaks which rows are equal
	// Normalize are terms beside that: of TermLower, so that lower(column) = lower($1)
	// works, and TermUpper; each leaks which rows are equal without regard to case.
	Normalize envelope.TermFlags
	Lock      Lock
	Progress  Progress
	Keys      Keys

	folds foldsFound
}

// Seal turns a plain column into a sealed one, or gives a sealed one the terms
// that it lacks, in one transaction: after an
// error or an interruption the column is as it was. The error is a *Refusal for
// what stands in the way. An interruption may close the connection.
func Seal(ctx context.Context, conn *pgx.Conn, target string, o SealOptions) (*Report, error) {
	var report *Report
	var table string
	o.folds = foldsFound{} // before the lock, to be used under it
	h := change{conn: conn, target: target, lock: o.Lock,
		check: func(ctx context.Context, tx pgx.Tx, c *column, tree []member) error {
			if c.domain != "" {
				_, _, err := checkAddTerms(ctx, tx, c, tree, o)
				return err
			}
			if _, err := checkSeal(ctx, tx, c, tree, o); err != nil {
				return err
			}
			return rehearseKeys(ctx, tx, c, tree, o)
		},
		apply: func(ctx context.Context, tx pgx.Tx, c *column, tree []member) (err error) {
			table = c.tableSQL()
			if c.domain != "" {
				report, err = addTerms(ctx, tx, c, tree, o)
				return err
			}
			report, err = seal(ctx, tx, c, tree, o)
			return err
		}}
	if err := h.run(ctx); err != nil {
		return nil, err
	}
	report.analyze(ctx, conn, table)
	return report, nil
}

// readCommitted whatever the role's default is: the rows must be seen as they
// are once the lock is had.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

// analyze makes statistics of the terms for the planner; the plain column's went
// with the change of type. The column is sealed by now whether it succeeds or not.
func (r *Report) analyze(ctx context.Context, conn *pgx.Conn, table string) {
	if _, err := conn.Exec(ctx, "ANALYZE "+table); err != nil {
		r.Remains = append(r.Remains, Remainder{"nothing in clear, but the planner has no statistics of the column yet", "ANALYZE " + table})
	}
}

// around is what stands around a column that is to be sealed, and comes along.
type around struct {
	indexes []index
	creates []string // make them anew
	notes   []carried
	views   []view
	folds   *catalog.Folds // nil without such terms
}

// checkSeal refuses what stands in the way, or gives what comes along.
func checkSeal(ctx context.Context, tx pgx.Tx, c *column, tree []member, o SealOptions) (a around, err error) {
	if err := checkSealable(ctx, tx, c, tree, o); err != nil {
		return a, err
	}
	if a.folds, err = checkFolds(ctx, tx, c, c.typ, c.collation, o); err != nil {
		return a, err
	}
	if a.indexes, err = indexesOver(ctx, tx, tree); err != nil {
		return a, err
	}
	if a.creates, a.notes, err = carryIndexes(ctx, tx, c, a.indexes, o.terms()); err != nil {
		return a, err
	}
	a.views, err = dependentViews(ctx, tx, c, tree)
	return a, err
}

func seal(ctx context.Context, tx pgx.Tx, c *column, tree []member, o SealOptions) (*Report, error) {
	a, err := checkSeal(ctx, tx, c, tree, o)
	if err != nil {
		return nil, err
	}
	resume, err := suspendForcedRowSecurity(ctx, tx, tree)
	if err != nil {
		return nil, err
	}
	s, table, err := provision(ctx, tx, c, o)
	if err != nil {
		return nil, err
	}
	defer s.erase()
	s.folds = a.folds
	domain, err := createDomain(ctx, tx, c, s)
	if err != nil {
		return nil, err
	}
	kept := original{Collation: c.collation, Indexes: a.notes, Storage: keepStorage(tree), Labels: c.typ.Labels()}
	defaults, defaultNotes, err := sealDefaults(ctx, tx, c, tree, domain, s)
	if err != nil {
		return nil, err
	}
	kept.Defaults = defaultNotes

	if err := dropViews(ctx, tx, c, a.views); err != nil {
		return nil, err
	}
	if err := dropIndexes(ctx, tx, c, a.indexes); err != nil {
		return nil, err
	}
	r := replacement{column: c, tree: tree, id: s.columnID, stagedAs: "bytea", newType: domain, progress: o.Progress, transform: s.seal}
	rows, err := r.rows(ctx, tx)
	if err != nil {
		return nil, err
	}
	if rows > 0 {
		if err := s.unwrap(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.run(ctx, tx, rows); err != nil {
		return nil, err
	}
	for i := range defaults {
		a.creates = append(a.creates, defaults[i].statement(c))
	}
	if err := execAll(ctx, tx, append(a.creates, resume...)...); err != nil {
		return nil, err
	}
	if err := record(ctx, tx, c, domain, table, s, kept); err != nil {
		return nil, err
	}
	if err := recreateViews(ctx, tx, c, a.views, rewriteView); err != nil {
		return nil, err
	}
	report := &Report{Column: c.String(), Rows: rows}
	report.carried(a.indexes, a.views)
	if report.Triggers, err = userTriggers(ctx, tx, tree); err != nil {
		return nil, err
	}
	report.Remains, err = remains(ctx, tx, c, left{rows: rows, defaults: len(defaults) > 0})
	return report, err
}

func (r *Report) carried(indexes []index, views []view) {
	for i := range indexes {
		r.Indexes = append(r.Indexes, display(indexes[i].schema, indexes[i].name))
	}
	for i := range views {
		r.Views = append(r.Views, display(views[i].schema, views[i].name))
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
func provision(ctx context.Context, tx pgx.Tx, c *column, o SealOptions) (*sealer, keystore.Table, error) {
	store, err := o.Keys(tx)
	if err != nil {
		return nil, keystore.Table{}, err
	}
	table, err := store.Provision(ctx, c.relation)
	if err != nil {
		return nil, table, fmt.Errorf("data keys of %s: %w", display(c.schema, c.table), err)
	}
	s := &sealer{store: store, typ: c.typ, sealKeyID: table.Seal.ID, indexKeyID: table.Index.ID}
	s.terms = o.terms()
	return s, table, nil
}

// terms are those that are asked for.
func (o SealOptions) terms() envelope.TermFlags {
	if !o.Equality {
		return 0
	}
	return envelope.TermEquality | o.Normalize
}

// rehearseKeys makes and opens the keys that the sealing will need, and takes
// them back: the table shall not stand locked while KMS is found to refuse, or
// takes its time.
func rehearseKeys(ctx context.Context, tx pgx.Tx, c *column, tree []member, o SealOptions) error {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	err = func() error {
		// First the table, then the rows of its keys, as the sealing itself does.
		needed := slices.ContainsFunc(tree, func(m member) bool { return m.def != "" })
		forced := slices.ContainsFunc(tree, func(m member) bool { return m.forced })
		if !needed && !forced { // the owner sees forced tables' rows only under the lock
			if err := sp.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s IS NOT NULL)", c.tableSQL(), quote(c.name))).Scan(&needed); err != nil {
				return err
			}
		}
		s, _, err := provision(ctx, sp, c, o)
		if err != nil {
			return err
		}
		defer s.erase()
		if needed {
			return s.unwrap(ctx)
		}
		return nil
	}()
	return errors.Join(err, sp.Rollback(ctx))
}

// maxDomainName leaves room for the column id in PostgreSQL's 63 bytes.
const maxDomainName = 50

// createDomain makes the column's domain and gives its SQL name.
func createDomain(ctx context.Context, tx pgx.Tx, c *column, s *sealer) (string, error) {
	// The id is drawn first: the CHECK names it.
	if err := tx.QueryRow(ctx, `SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('pgseal.sealed_column', 'column_id'))`).Scan(&s.columnID); err != nil {
		return "", err
	}
	name := strings.Join([]string{c.schema, c.table, c.name}, "_")
	var taken bool
	if err := tx.QueryRow(ctx, `SELECT pg_catalog.to_regtype('pgseal_column.' || pg_catalog.quote_ident($1)) IS NOT NULL`, name).Scan(&taken); err != nil {
		return "", err
	}
	if taken || len(name) > maxDomainName {
		name = fmt.Sprintf("%s_%d", truncate(name, maxDomainName), s.columnID)
	}
	domain := quote("pgseal_column", name)
	return domain, execAll(ctx, tx, fmt.Sprintf("CREATE DOMAIN %s AS bytea CONSTRAINT sealed CHECK (pgseal.is_envelope(VALUE, %d, %d))",
		domain, s.columnID, s.terms)+rulesOf(c))
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

func record(ctx context.Context, tx pgx.Tx, c *column, domain string, t keystore.Table, s *sealer, o original) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	var indexKey *uint32
	if s.terms != 0 {
		indexKey = &t.Index.ID
	}
	var normalizer *string
	if s.folds != nil {
		text := catalog.Normalizer(s.terms, s.folds)
		normalizer = &text
	}
	_, err = tx.Exec(ctx, `
INSERT INTO pgseal.sealed_column (column_id, table_id, domain, schema_name, table_name, column_name, logical_type, typmod, terms, index_key_id, original, normalizer)
VALUES ($1, $2, $3::text::regtype, $4, $5, $6, $7::oid::regtype, $8, $9, $10, $11, $12)`,
		s.columnID, t.ID, domain, c.schema, c.table, c.name, c.typ.OID, c.typ.Typmod, int(s.terms), indexKey, data, normalizer)
	return err
}
