package kmsdev

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// state is the whole content of a KMS. A state that readers can see is never
// changed; an update works on a clone.
type state struct {
	keys    map[string]*key
	aliases map[string]*alias
}

func newState() *state {
	return &state{keys: map[string]*key{}, aliases: map[string]*alias{}}
}

// clone copies the maps; keys and aliases are immutable and shared.
func (st *state) clone() *state {
	return &state{keys: maps.Clone(st.keys), aliases: maps.Clone(st.aliases)}
}

// at returns the state as of now: without the keys whose waiting period is over,
// and without their aliases. It is st itself unless there are such keys.
func (st *state) at(now time.Time) *state {
	gone := func(k *key) bool { return k.DeletionDate != nil && !now.Before(*k.DeletionDate) }
	for _, k := range st.keys {
		if !gone(k) {
			continue
		}
		left := st.clone()
		maps.DeleteFunc(left.keys, func(_ string, k *key) bool { return gone(k) })
		maps.DeleteFunc(left.aliases, func(_ string, a *alias) bool { return left.keys[a.KeyID] == nil })
		return left
	}
	return st
}

const (
	storeFormat  = 1
	storeWarning = "Development KMS store of pgseal kms-dev. It holds key material in the clear: " +
		"for development only, it must not protect real data."
)

// storeFile is the JSON document on disk.
type storeFile struct {
	Warning   string   `json:"warning"`
	Format    int      `json:"format"`
	Region    string   `json:"region"`
	AccountID string   `json:"account_id"`
	Keys      []*key   `json:"keys"`
	Aliases   []*alias `json:"aliases"`
}

func encodeStore(n names, st *state) ([]byte, error) {
	doc, err := json.MarshalIndent(storeFile{
		Warning:   storeWarning,
		Format:    storeFormat,
		Region:    n.region,
		AccountID: n.account,
		Keys:      slices.SortedFunc(maps.Values(st.keys), func(a, b *key) int { return cmp.Compare(a.ID, b.ID) }),
		Aliases:   slices.SortedFunc(maps.Values(st.aliases), func(a, b *alias) int { return cmp.Compare(a.Name, b.Name) }),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(doc, '\n'), nil
}

// decodeStore accepts only a document that encodeStore could have written, save
// for layout: a store that somebody edited wrongly must not lose keys silently.
func decodeStore(data []byte) (names, *state, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var f storeFile
	if err := d.Decode(&f); err != nil {
		return names{}, nil, errors.New("it is not a store of kms-dev: malformed JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return names{}, nil, errors.New("it is not a store of kms-dev: data after the JSON document")
	}
	if f.Format != storeFormat {
		return names{}, nil, fmt.Errorf("its format is %d, this version reads %d", f.Format, storeFormat)
	}
	if !regionPattern.MatchString(f.Region) || !accountIDPattern.MatchString(f.AccountID) {
		return names{}, nil, errors.New("its region or account id is malformed")
	}
	st := newState()
	for _, k := range f.Keys {
		if k == nil {
			return names{}, nil, errors.New("it has an empty key")
		}
		if err := k.validate(); err != nil {
			return names{}, nil, fmt.Errorf("it has a damaged key: %w", err)
		}
		if st.keys[k.ID] != nil {
			return names{}, nil, fmt.Errorf("it has key %s twice", k.ID)
		}
		st.keys[k.ID] = k
	}
	for _, a := range f.Aliases {
		if a == nil || checkNewAliasName(a.Name) != nil || st.keys[a.KeyID] == nil || st.aliases[a.Name] != nil {
			return names{}, nil, errors.New("it has an alias that is malformed, repeated or of no key")
		}
		st.aliases[a.Name] = a
	}
	return names{region: f.Region, account: f.AccountID}, st, nil
}
