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
// has given them, keys, what the catalogs show of all but indexes.
//
// It begins anew with each answer: what loads the catalog runs until something is
// asked that has not been answered yet.
type Reading struct {
	base    *Snapshot
	before  *Snapshot          // that it gives again if nothing has changed; nil if it cannot be so
	from    *readFrom          // what is known already, nil for nothing
	changed aspect             // since that
	used    map[string]*answer // what the load at hand has been told
	reach   reach
	answers map[string]*Question
	pending []*Question
	wanted  wanted
	types   *pgtype.Map
	same    bool
}

// Question is one query and its answer. The search path must be pg_catalog, pg_temp.
type Question struct {
	SQL    string
	Params [][]byte // in text; nil is NULL
	// Whoever has asked fills in the types of the columns, and the values in text.
	Types []uint32
	Rows  [][][]byte

	given *answer // made of that
}

// NewReading begins to read what base is to the others. before is what an earlier
// Reading of the same transaction has given, nil for nothing. It looks for the names
// of both, for what was missed there, and for what the transaction has made.
//
// It looks first what has changed of that which before was read from, or else base, and
// asks again what depends on it: a migration makes and changes many tables that do not
// concern what is sealed. If nothing has, it gives that again, unless it has to read anew.
// What the transaction has made since, and what was missed, is then not there: who needs
// it reads anew.
func NewReading(base, before *Snapshot, anew bool) *Reading {
	r := &Reading{base: base, answers: map[string]*Question{}, types: pgtype.NewMap(), reach: reach{have: base.system(), made: true}}
	r.wanted.outer = base.wanted
	last := base
	if before != nil && before.read != nil && before.read.base == base.Version {
		last = before
	}
	if r.from = last.read; r.from != nil && !anew {
		r.before = last
	}
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
		names, oids, _, _ := before.wanted.take()
		for _, n := range names {
			wanted[n] = true
		}
		r.reach.oids = oids
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
	r.used = map[string]*answer{}
	if r.from != nil {
		print, err := r.fingerprint(ctx, r.from.watched)
		if err != nil {
			return nil, err
		}
		if print == r.from.print && r.before != nil {
			return r.again(), nil
		}
		r.changed = print.changed(r.from.print)
	}
	metadata, shown, err := loadRetyped(ctx, r, r.base)
	if err != nil {
		return nil, err
	}
	functions, err := r.base.textFunctions.inside(ctx, r)
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
	c := Contents{Metadata: metadata, ActiveKeys: r.base.activeKey, Shown: shown, TextFunctions: functions, TextOrders: r.base.textOrders}
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
	s.read = &readFrom{base: r.base.Version, watched: w, print: print, answers: r.used}
	s.remember(&r.wanted)
	return s, nil
}

// GivenAgain reports that nothing has changed, and that Next has given what there was.
func (r *Reading) GivenAgain() bool { return r.same }

// again gives it. What the others share does not note what the transaction lacks.
func (r *Reading) again() *Snapshot {
	r.same = true
	if r.before != r.base {
		return r.before
	}
	s := *r.base
	if s.strict != nil {
		strict := *s.strict
		s.strict = &strict
	}
	s.read = &readFrom{base: s.Version, watched: r.from.watched, print: r.from.print, answers: r.from.answers}
	s.remember(&r.wanted)
	return &s
}

// readFrom is what a snapshot was read from.
type readFrom struct {
	base    uint64 // version of what a Reading was made beside
	watched watched
	print   insidePrint
	answers map[string]*answer
}

// insidePrint is the fingerprint of what a transaction can change of that.
type insidePrint struct {
	types, retyped int64
	objects        [hashedAspects]int64
}

// changed gives the aspects in which p and other differ.
func (p insidePrint) changed(other insidePrint) (a aspect) {
	if p.retyped != other.retyped {
		a |= ofMetadata
	}
	return a | fingerprint{types: p.types, objects: p.objects}.changed(fingerprint{types: other.types, objects: other.objects})
}

const insideHash = objectsHash + `
	UNION ALL SELECT -1, (` + typesHash + `)
	UNION ALL SELECT -2, coalesce(bit_xor(hashtextextended(c::text, 0)), 0) FROM pgseal.retyped_columns c`

func (r *Reading) fingerprint(ctx context.Context, w watched) (p insidePrint, err error) {
	rows, err := r.Query(ctx, insideHash, w.names, w.relations, w.sealed, w.types, w.fires)
	if err != nil {
		return p, err
	}
	var a int
	var h int64
	_, err = pgx.ForEachRow(rows, []any{&a, &h}, func() error {
		switch a {
		case -1:
			p.types = h
		case -2:
			p.retyped = h
		default:
			p.objects[a] = h
		}
		return nil
	})
	return p, err
}

// Query answers, or notes what has to be asked.
func (r *Reading) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	key, params, err := questionKey(sql, args)
	if err != nil {
		return nil, err
	}
	a, err := r.ask(key, sql, params)
	if err != nil {
		return nil, err
	}
	return a.read(r.types), nil
}

func (r *Reading) ask(key, sql string, params [][]byte) (*answer, error) {
	q := r.answers[key]
	if q == nil {
		q = &Question{SQL: sql, Params: params}
		r.answers[key] = q
		r.pending = append(r.pending, q)
		return nil, errUnanswered
	}
	if q.given == nil {
		q.given = &answer{rows: q.Rows}
		for _, oid := range q.Types {
			q.given.fields = append(q.given.fields, pgconn.FieldDescription{DataTypeOID: oid, Format: pgx.TextFormatCode})
		}
	}
	return q.given, nil
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

// recalling is a Reading that need not ask again what depends on nothing but of.
type recalling struct {
	*Reading
	of aspect
}

func (r recalling) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	key, params, err := questionKey(sql, args)
	if err != nil {
		return nil, err
	}
	var a *answer
	if r.from != nil && r.changed&r.of == 0 {
		a = r.from.answers[key]
	}
	if a == nil {
		if a, err = r.ask(key, sql, params); err != nil {
			return nil, err
		}
	}
	r.used[key] = a
	return a.read(r.types), nil
}

func (r recalling) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := r.Query(ctx, sql, args...)
	return oneRow{rows, err}
}
