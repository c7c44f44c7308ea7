package kmsdev

import (
	"maps"
	"slices"
	"time"
)

const (
	defaultAliasesPerPage = 50
	maxAliasesPerPage     = 100
)

type aliasInput struct {
	AliasName   *string
	TargetKeyID *string `json:"TargetKeyId"`
}

func (in *aliasInput) name(check func(string) error) (string, error) {
	if in.AliasName == nil {
		return "", invalid("Value null at 'aliasName' failed to satisfy constraint: Member must not be null.")
	}
	return *in.AliasName, check(*in.AliasName)
}

// target finds the key that an alias is to name.
func (s *Server) target(c *call, st *state, in *aliasInput) (*key, error) {
	k, err := s.names.findManagedKey(st, *in.TargetKeyID)
	if err != nil {
		return nil, err
	}
	c.keyID = k.ID
	if k.State == statePendingDeletion {
		return nil, pendingDeletion(s.names, k)
	}
	return k, nil
}

func (s *Server) createAlias(c *call, in *aliasInput) (any, error) {
	name, err := in.name(checkNewAliasName)
	if err := firstError(err, checkKeyID("targetKeyId", in.TargetKeyID)); err != nil {
		return nil, err
	}
	return nil, s.store.update(func(st *state, now time.Time) error {
		k, err := s.target(c, st, in)
		if err != nil {
			return err
		}
		if st.aliases[name] != nil {
			return refuse("AlreadyExistsException", "An alias with the name %s already exists.", s.names.aliasARN(name))
		}
		st.aliases[name] = &alias{Name: name, KeyID: k.ID, Created: now, Updated: now}
		return nil
	})
}

func (s *Server) updateAlias(c *call, in *aliasInput) (any, error) {
	name, err := in.name(checkNewAliasName)
	if err := firstError(err, checkKeyID("targetKeyId", in.TargetKeyID)); err != nil {
		return nil, err
	}
	return nil, s.store.update(func(st *state, now time.Time) error {
		old, ok := st.aliases[name]
		if !ok {
			return notFound("Alias %s is not found.", s.names.aliasARN(name))
		}
		k, err := s.target(c, st, in)
		if err != nil {
			return err
		}
		// A user of the alias must not find another kind of key behind it.
		before := st.keys[old.KeyID]
		if before.Usage != k.Usage || (before.Spec == specSymmetric) != (k.Spec == specSymmetric) {
			return invalid("%s and %s are keys of different types or usages.", s.names.keyARN(before.ID), s.names.keyARN(k.ID))
		}
		st.aliases[name] = &alias{Name: name, KeyID: k.ID, Created: old.Created, Updated: now}
		return nil
	})
}

func (s *Server) deleteAlias(c *call, in *aliasInput) (any, error) {
	name, err := in.name(checkNewAliasName)
	if err != nil {
		return nil, err
	}
	return nil, s.store.update(func(st *state, _ time.Time) error {
		a, ok := st.aliases[name]
		if !ok {
			return notFound("Alias %s is not found.", s.names.aliasARN(name))
		}
		c.keyID = a.KeyID
		delete(st.aliases, name)
		return nil
	})
}

type listAliasesInput struct {
	pageInput
	KeyID *string `json:"KeyId"`
}

type aliasListEntry struct {
	AliasName       string
	AliasArn        string
	TargetKeyID     string `json:"TargetKeyId"`
	CreationDate    epoch
	LastUpdatedDate epoch
}

type listAliasesAnswer struct {
	Aliases    []aliasListEntry
	NextMarker string `json:",omitempty"`
	Truncated  bool
}

func (s *Server) listAliases(c *call, in *listAliasesInput) (any, error) {
	if err := checkOptionalKeyID("keyId", in.KeyID); err != nil {
		return nil, err
	}
	all := slices.Sorted(maps.Keys(c.state.aliases))
	if in.KeyID != nil {
		k, err := s.names.findManagedKey(c.state, *in.KeyID)
		if err != nil {
			return nil, err
		}
		c.keyID = k.ID
		all = slices.DeleteFunc(all, func(name string) bool { return c.state.aliases[name].KeyID != k.ID })
	}
	page, next, err := in.page(all, defaultAliasesPerPage, maxAliasesPerPage)
	if err != nil {
		return nil, err
	}
	answer := listAliasesAnswer{Aliases: []aliasListEntry{}, NextMarker: next, Truncated: next != ""}
	for _, name := range page {
		a := c.state.aliases[name]
		answer.Aliases = append(answer.Aliases, aliasListEntry{
			AliasName:       name,
			AliasArn:        s.names.aliasARN(name),
			TargetKeyID:     a.KeyID,
			CreationDate:    epoch(a.Created),
			LastUpdatedDate: epoch(a.Updated),
		})
	}
	return answer, nil
}
