package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// reader is what the catalog is read by.
type reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// A Reading reads the catalog as a transaction sees it that is not ours and has
// changed it: somebody else asks its questions there. It does no I/O. What a client
// cannot have changed, and need not be allowed to read, it takes from a snapshot:
// what the domains of sealed columns stand for, but for the types that the transaction
// has given them, keys, what the catalogs show.
//
// It begins anew with each answer: what loads the catalog runs until something is
// asked that has not been answered yet.
type Reading struct {
	base    *Snapshot
	before  *Snapshot // that it gives again if nothing has changed; nil if it cannot be so
	reach   reach
	answers map[string]*Question
	pending []*Question
	wanted  wanted
	types   *pgtype.Map
}

// Question is one query and its answer. The search path must be pg_catalog, pg_temp.
type Question struct {
	SQL    string
	Params [][]byte // in text; nil is NULL
	// Whoever has asked fills in the types of the columns, and the values in text.
	Types []uint32
	Rows  [][][]byte
}

// NewReading begins to read what base is to the others. before is what an earlier
// Reading of the same transaction has given, nil for nothing. It looks for the names
// of both, for what was missed there, and for what the transaction has made.
//
// Unless it has to read all anew, it looks first whether what before was read from has
// changed since, and gives before if it has not: a migration makes and changes many
// tables that do not concern what is sealed. What the transaction has made since, and what
// was missed, is then not there: who needs it reads anew.
func NewReading(base, before *Snapshot, anew bool) *Reading {
	r := &Reading{base: base, answers: map[string]*Question{}, types: pgtype.NewMap(), reach: reach{have: base.system(), made: true}}
	wanted := map[string]bool{}
	for _, s := range []*Snapshot{base, before} {
		if s == nil {
			continue
		}
		for _, rel := range s.relations {
			if rel.OID >= firstUserOID {
				wanted[rel.Name] = true
			}
		}
	}
	if before != nil && before.wanted != nil {
		names, oids, _ := before.wanted.take()
		for _, n := range names {
			wanted[n] = true
		}
		r.reach.oids = oids
		if !anew && before.read != nil && before.read.base == base.Version {
			r.before = before
		}
	}
	r.reach.names = slices.Sorted(maps.Keys(wanted))
	return r
}

// errUnanswered: the answer to a question is not there yet.
var errUnanswered = errors.New("catalog: a question has not been answered")

// Next gives the questions that are to be asked now; when there are none, the
// snapshot is there. What it gave before has been answered.
func (r *Reading) Next() (ask []*Question, s *Snapshot, err error) {
	r.pending = nil
	s, err = r.load()
	if errors.Is(err, errUnanswered) {
		return r.pending, nil, nil
	}
	return nil, s, err
}

func (r *Reading) load() (*Snapshot, error) {
	ctx := context.Background()
	if r.before != nil {
		print, err := r.fingerprint(ctx, r.before.read.watched)
		if err != nil {
			return nil, err
		}
		if print == r.before.read.print {
			return r.before, nil
		}
	}
	metadata, shown, err := loadRetyped(ctx, r, r.base)
	if err != nil {
		return nil, err
	}
	types, err := loadTypes(ctx, r, metadata)
	if err != nil {
		return nil, err
	}
	var changing []uint32
	for _, rel := range r.base.relations {
		if rel.Changing {
			changing = append(changing, rel.OID)
		}
	}
	c := Contents{Metadata: metadata, ActiveKeys: r.base.activeKey, Shown: shown}
	w, err := loadContents(ctx, r, &c, types, changing, r.reach)
	if err != nil {
		return nil, err
	}
	// What others commit meanwhile makes another base.
	print, err := r.fingerprint(ctx, w)
	if err != nil {
		return nil, err
	}
	s := New(version(c), c)
	s.read = &readFrom{base: r.base.Version, watched: w, print: print}
	s.remember(&r.wanted)
	return s, nil
}

// readFrom is what a Reading has given a snapshot from.
type readFrom struct {
	base    uint64 // version
	watched watched
	print   insidePrint
}

// insidePrint is the fingerprint of what a transaction can change of that.
type insidePrint struct{ types, objects, retyped int64 }

const insideHash = `SELECT (` + typesHash + `), (SELECT coalesce(bit_xor(h), 0) FROM (` + objectRows + `) rows(a, h)),
	(SELECT coalesce(bit_xor(hashtextextended(c::text, 0)), 0) FROM pgseal.retyped_columns c)`

func (r *Reading) fingerprint(ctx context.Context, w watched) (p insidePrint, err error) {
	err = r.QueryRow(ctx, insideHash, w.names, w.relations, w.sealed, w.types, w.fires).Scan(&p.types, &p.objects, &p.retyped)
	return p, err
}

// Query answers, or notes what has to be asked.
func (r *Reading) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	key, params, err := questionKey(sql, args)
	if err != nil {
		return nil, err
	}
	if got := r.answers[key]; got != nil {
		a := &answered{rows: got.Rows, types: r.types}
		for _, oid := range got.Types {
			a.fields = append(a.fields, pgconn.FieldDescription{DataTypeOID: oid, Format: pgx.TextFormatCode})
		}
		return a, nil
	}
	q := &Question{SQL: sql, Params: params}
	r.answers[key] = q
	r.pending = append(r.pending, q)
	return nil, errUnanswered
}

// QueryRow is Query for one row.
func (r *Reading) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := r.Query(ctx, sql, args...)
	return oneRow{rows, err}
}

// inArray escapes what stands in quotation marks in an array.
var inArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// textParam is a parameter in PostgreSQL's text form.
func textParam(a any) ([]byte, error) {
	var b []byte
	switch a := a.(type) {
	case string:
		return []byte(a), nil
	case []uint32:
		if a == nil {
			return nil, nil
		}
		for _, n := range a {
			b = strconv.AppendUint(append(b, ','), uint64(n), 10)
		}
	case []string:
		if a == nil {
			return nil, nil
		}
		for _, s := range a {
			b = append(append(b, ",\""...), inArray.Replace(s)...)
			b = append(b, '"')
		}
	default:
		return nil, fmt.Errorf("catalog: no text form of %T", a)
	}
	if len(b) > 0 {
		b = b[1:]
	}
	return append(append([]byte{'{'}, b...), '}'), nil
}

// Rekeyed is the snapshot with the active keys of another one.
func (s *Snapshot) Rekeyed(from *Snapshot) *Snapshot {
	n := *s
	n.activeKey = from.activeKey
	if s.strict != nil {
		strict := *s.strict
		strict.activeKey = from.activeKey
		n.strict = &strict
	}
	return &n
}
