package sealing

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/logical"
)

// dataKeys are those of one table, which its columns share.
type dataKeys struct {
	store                 *keystore.Store
	sealKeyID, indexKeyID uint32
	sealKey, indexKey     *envelope.Key
}

// unwrap opens the keys that values with those terms need. It is called when there is a
// value to seal: a host that seals empty columns needs no kms:Decrypt.
func (k *dataKeys) unwrap(ctx context.Context, terms envelope.TermFlags) (err error) {
	if k.sealKey == nil {
		if k.sealKey, err = k.store.Unwrap(ctx, keycache.ID{Key: k.sealKeyID}); err != nil {
			return err
		}
	}
	if k.indexKey == nil && terms&envelope.TermEquality != 0 {
		k.indexKey, err = k.store.Unwrap(ctx, keycache.ID{Key: k.indexKeyID})
	}
	return err
}

func (k *dataKeys) erase() {
	for _, k := range []*envelope.Key{k.sealKey, k.indexKey} {
		if k != nil {
			k.Erase()
		}
	}
}

// sealer seals values of one column.
type sealer struct {
	*dataKeys
	typ            logical.Type
	columnID       uint32
	terms          envelope.TermFlags
	folds          *catalog.Folds // of terms of lower and upper
	equality, term []byte
}

var errEncoding = errors.New("it is not valid UTF-8, which no client could read through the proxy; correct it first")

// unwrap opens the keys that the column needs.
func (s *sealer) unwrap(ctx context.Context) error { return s.dataKeys.unwrap(ctx, s.terms) }

// seal appends the envelope of a canonical value; unwrap came before.
func (s *sealer) seal(dst, canonical []byte) ([]byte, error) {
	// What the server sends is well formed, but a database in SQL_ASCII holds
	// whatever was put there.
	if !s.typ.Valid(canonical) {
		return dst, errEncoding
	}
	var err error
	if s.term, s.equality, err = appendTerms(s.term[:0], s.indexKey, s.columnID, s.terms, s.typ, s.folds, canonical, s.equality); err != nil {
		return dst, err
	}
	return s.sealKey.Seal(dst, s.columnID, s.terms, s.term, canonical)
}

// erase erases what the column's values have left in memory. The keys are others' too.
func (s *sealer) erase() { clear(s.equality[:cap(s.equality)]) }

// opener opens envelopes, unwrapping each data key once.
type opener struct {
	store *keystore.Store
	keys  map[uint32]*envelope.Key
	fails map[uint32]error
	equal []byte
	term  []byte
}

func newOpener(store *keystore.Store) *opener {
	return &opener{store: store, keys: map[uint32]*envelope.Key{}, fails: map[uint32]error{}}
}

// key unwraps a data key. A temporary failure says nothing of the key and is
// not remembered.
func (o *opener) key(ctx context.Context, id uint32) (*envelope.Key, error) {
	if k := o.keys[id]; k != nil {
		return k, nil
	}
	if err := o.fails[id]; err != nil {
		return nil, err
	}
	k, err := o.store.Unwrap(ctx, keycache.ID{Key: id})
	if err != nil {
		if !errors.Is(err, keycache.ErrTemporary) {
			o.fails[id] = err
		}
		return nil, err
	}
	o.keys[id] = k
	return k, nil
}

// open appends the canonical plaintext of an envelope of column s.
func (o *opener) open(ctx context.Context, s sealed, dst, env []byte) ([]byte, error) {
	h, err := envelope.Parse(env)
	if err != nil {
		return dst, err
	}
	k, err := o.key(ctx, h.KeyID)
	if err != nil {
		return dst, err
	}
	return k.Open(dst, s.id, env)
}

// notes opens the notes of the column's original defaults.
func (o *opener) notes(ctx context.Context, s sealed) ([]defaultNote, error) {
	notes := make([]defaultNote, 0, len(s.original.Defaults))
	for _, env := range s.original.Defaults {
		n, err := o.note(ctx, s, env)
		if err != nil {
			return nil, fmt.Errorf("pgseal.sealed_column, column %d: the original default: %w", s.id, err)
		}
		notes = append(notes, n)
	}
	return notes, nil
}

func (o *opener) note(ctx context.Context, s sealed, env []byte) (n defaultNote, err error) {
	h, err := envelope.Parse(env)
	if err != nil {
		return n, err
	}
	k, err := o.key(ctx, h.KeyID)
	if err != nil {
		return n, err
	}
	plain, err := k.Open(nil, noteColumn, env)
	if err != nil {
		return n, err
	}
	return catalog.ParseDefaultNote(plain, s.id)
}

// checkTerms recomputes the terms of an opened value. The tag already covers them, so
// a difference means that they were made under another index key, or by a proxy that
// reads the type otherwise, or in the case of another server.
func (o *opener) checkTerms(ctx context.Context, s sealed, env, canonical []byte) error {
	if s.terms == 0 {
		return nil
	}
	k, err := o.key(ctx, s.indexKey)
	if err != nil {
		return err
	}
	terms := s.terms
	if s.folds == nil {
		terms &^= catalog.FoldTerms
	}
	if o.term, o.equal, err = appendTerms(o.term[:0], k, s.id, terms, s.typ, s.folds, canonical, o.equal); err != nil {
		return err
	}
	switch stored := envelope.Terms(env); {
	case !bytes.HasPrefix(stored, o.term[:min(len(o.term), envelope.EqualitySize)]):
		return fmt.Errorf("its equality term was not made under index key %d", s.indexKey)
	case terms != s.terms || !bytes.Equal(stored, o.term):
		return errors.New("its terms of lower or upper case are not what this server would compare them with: seal the column again, with the same --normalize")
	}
	return nil
}

func (o *opener) erase() {
	for _, k := range o.keys {
		k.Erase()
	}
	clear(o.equal[:cap(o.equal)])
}

// prefetch opens the keys of all values of a column, and of their terms, before
// the values are read: the connection is busy then. A key that is final in its
// refusal fails with the values under it.
func (o *opener) prefetch(ctx context.Context, tx pgx.Tx, from, column string) error {
	rows, err := tx.Query(ctx, fmt.Sprintf("SELECT DISTINCT pgseal.key_id(%[1]s) FROM %[2]s WHERE %[1]s IS NOT NULL", quote(column), from))
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := o.key(ctx, uint32(id)); err != nil && o.fails[uint32(id)] == nil {
			return err
		}
	}
	return nil
}
