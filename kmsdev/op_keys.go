package kmsdev

import (
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"time"
)

const (
	maxDescription     = 8192
	defaultPendingDays = 30
	minPendingDays     = 7
	maxPendingDays     = 30
	defaultKeysPerPage = 100
	maxKeysPerPage     = 1000
	managerCustomer    = "CUSTOMER"
	originKMS          = "AWS_KMS"
)

type keyMetadata struct {
	AWSAccountID          string   `json:"AWSAccountId"`
	KeyID                 string   `json:"KeyId"`
	Arn                   string   `json:"Arn"`
	CreationDate          epoch    `json:"CreationDate"`
	Enabled               bool     `json:"Enabled"`
	Description           string   `json:"Description"`
	KeyUsage              string   `json:"KeyUsage"`
	KeyState              string   `json:"KeyState"`
	DeletionDate          *epoch   `json:"DeletionDate,omitempty"`
	Origin                string   `json:"Origin"`
	KeyManager            string   `json:"KeyManager"`
	CustomerMasterKeySpec string   `json:"CustomerMasterKeySpec"`
	KeySpec               string   `json:"KeySpec"`
	EncryptionAlgorithms  []string `json:"EncryptionAlgorithms,omitempty"`
	MacAlgorithms         []string `json:"MacAlgorithms,omitempty"`
	MultiRegion           bool     `json:"MultiRegion"`
	CurrentKeyMaterialID  string   `json:"CurrentKeyMaterialId,omitempty"`
}

func (n names) metadata(k *key) keyMetadata {
	spec := keySpecs[k.Spec]
	m := keyMetadata{
		AWSAccountID:          n.account,
		KeyID:                 k.ID,
		Arn:                   n.keyARN(k.ID),
		CreationDate:          epoch(k.Created),
		Enabled:               k.State == stateEnabled,
		Description:           k.Description,
		KeyUsage:              k.Usage,
		KeyState:              k.State,
		DeletionDate:          (*epoch)(k.DeletionDate),
		Origin:                originKMS,
		KeyManager:            managerCustomer,
		CustomerMasterKeySpec: k.Spec,
		KeySpec:               k.Spec,
		EncryptionAlgorithms:  spec.encrypts,
		CurrentKeyMaterialID:  k.MaterialID,
	}
	if spec.mac != "" {
		m.MacAlgorithms = []string{spec.mac}
	}
	return m
}

type keyMetadataAnswer struct {
	KeyMetadata keyMetadata
}

type createKeyInput struct {
	Description           *string
	KeySpec               *string
	CustomerMasterKeySpec *string
	KeyUsage              *string
	Origin                *string
	MultiRegion           *bool
	Policy                *string
	CustomKeyStoreID      *string `json:"CustomKeyStoreId"`
	XksKeyID              *string `json:"XksKeyId"`
	Tags                  []any
}

func (s *Server) createKey(c *call, in *createKeyInput) (any, error) {
	spec, usage, err := in.kind()
	if err != nil {
		return nil, err
	}
	k, err := newKey(spec, usage, valueOr(in.Description, ""))
	if err != nil {
		return nil, err
	}
	err = s.store.update(func(st *state, now time.Time) error {
		k.Created = now
		st.keys[k.ID] = k
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.keyID = k.ID
	return keyMetadataAnswer{s.names.metadata(k)}, nil
}

// kind checks the whole request and returns the spec and usage of the key.
// What would be accepted and then have no effect is refused.
func (in *createKeyInput) kind() (spec, usage string, err error) {
	switch {
	case len(valueOr(in.Description, "")) > maxDescription:
		return "", "", invalid("Value at 'description' failed to satisfy constraint: Member must have length less than or equal to %d.", maxDescription)
	case in.CustomKeyStoreID != nil:
		return "", "", noCustomKeyStore()
	case in.XksKeyID != nil || valueOr(in.Origin, originKMS) != originKMS:
		return "", "", unsupported("kms-dev makes keys of origin %s only.", originKMS)
	case valueOr(in.MultiRegion, false):
		return "", "", unsupported("kms-dev has no multi-Region keys.")
	case in.Policy != nil:
		return "", "", unsupported("kms-dev has no key policies: every caller may do everything.")
	case len(in.Tags) > 0:
		return "", "", unsupported("kms-dev has no tags.")
	case in.KeySpec != nil && in.CustomerMasterKeySpec != nil:
		return "", "", invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	spec = valueOr(in.KeySpec, valueOr(in.CustomerMasterKeySpec, specSymmetric))
	made, ok := keySpecs[spec]
	if !ok && otherKeySpecs[spec] {
		return "", "", unsupported("kms-dev has no keys of spec %s.", spec)
	}
	if !ok {
		return "", "", invalid("Value '%s' at 'keySpec' failed to satisfy constraint: Member must be a key spec of KMS.", spec)
	}
	if in.KeyUsage == nil && spec != specSymmetric {
		return "", "", invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	}
	usage = valueOr(in.KeyUsage, usageEncrypt)
	if made.rsa && usage == "SIGN_VERIFY" {
		return "", "", unsupported("kms-dev has no keys of usage SIGN_VERIFY.")
	}
	if usage != made.usage {
		return "", "", invalid("KeyUsage %s is not compatible with KeySpec %s.", usage, spec)
	}
	return spec, usage, nil
}

func noCustomKeyStore() error {
	return refuse("CustomKeyStoreNotFoundException", "kms-dev has no custom key stores.")
}

type describeKeyInput struct {
	KeyID       *string `json:"KeyId"`
	GrantTokens grantTokens
}

func (s *Server) describeKey(c *call, in *describeKeyInput) (any, error) {
	k, err := s.resolve(c, "keyId", in.KeyID, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	return keyMetadataAnswer{s.names.metadata(k)}, nil
}

// resolve finds the key of an operation that takes any form of key reference.
func (s *Server) resolve(c *call, member string, ref *string, tokens grantTokens) (*key, error) {
	if err := firstError(checkKeyID(member, ref), tokens.validate()); err != nil {
		return nil, err
	}
	k, err := s.names.findKey(c.state, *ref)
	if err != nil {
		return nil, err
	}
	c.keyID = k.ID
	return k, nil
}

type keyListEntry struct {
	KeyID  string `json:"KeyId"`
	KeyArn string `json:"KeyArn"`
}

type listKeysAnswer struct {
	Keys       []keyListEntry
	NextMarker string `json:",omitempty"`
	Truncated  bool
}

func (s *Server) listKeys(c *call, in *pageInput) (any, error) {
	ids, next, err := in.page(slices.Sorted(maps.Keys(c.state.keys)), defaultKeysPerPage, maxKeysPerPage)
	if err != nil {
		return nil, err
	}
	answer := listKeysAnswer{Keys: []keyListEntry{}, NextMarker: next, Truncated: next != ""}
	for _, id := range ids {
		answer.Keys = append(answer.Keys, keyListEntry{KeyID: id, KeyArn: s.names.keyARN(id)})
	}
	return answer, nil
}

type manageKeyInput struct {
	KeyID *string `json:"KeyId"`
}

// changeKey puts a changed copy of one key into the store.
func (s *Server) changeKey(c *call, ref *string, change func(k *key, now time.Time) error) error {
	if err := checkKeyID("keyId", ref); err != nil {
		return err
	}
	return s.store.update(func(st *state, now time.Time) error {
		k, err := s.names.findManagedKey(st, *ref)
		if err != nil {
			return err
		}
		c.keyID = k.ID
		changed := *k
		if err := change(&changed, now); err != nil {
			return err
		}
		st.keys[k.ID] = &changed
		return nil
	})
}

func (s *Server) enableKey(c *call, in *manageKeyInput) (any, error) {
	return nil, s.setKeyState(c, in, stateEnabled)
}

func (s *Server) disableKey(c *call, in *manageKeyInput) (any, error) {
	return nil, s.setKeyState(c, in, stateDisabled)
}

func (s *Server) setKeyState(c *call, in *manageKeyInput, to string) error {
	return s.changeKey(c, in.KeyID, func(k *key, _ time.Time) error {
		if k.State == statePendingDeletion {
			return pendingDeletion(s.names, k)
		}
		k.State = to
		return nil
	})
}

type scheduleKeyDeletionInput struct {
	KeyID               *string `json:"KeyId"`
	PendingWindowInDays *int32
}

type scheduleKeyDeletionAnswer struct {
	KeyID               string `json:"KeyId"`
	DeletionDate        epoch
	KeyState            string
	PendingWindowInDays int32
}

func (s *Server) scheduleKeyDeletion(c *call, in *scheduleKeyDeletionInput) (any, error) {
	if err := checkRange("pendingWindowInDays", in.PendingWindowInDays, minPendingDays, maxPendingDays); err != nil {
		return nil, err
	}
	answer := scheduleKeyDeletionAnswer{
		KeyState:            statePendingDeletion,
		PendingWindowInDays: valueOr(in.PendingWindowInDays, defaultPendingDays),
	}
	err := s.changeKey(c, in.KeyID, func(k *key, now time.Time) error {
		if k.State == statePendingDeletion {
			return pendingDeletion(s.names, k)
		}
		date := now.AddDate(0, 0, int(answer.PendingWindowInDays))
		k.State, k.DeletionDate = statePendingDeletion, &date
		answer.KeyID, answer.DeletionDate = s.names.keyARN(k.ID), epoch(date)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

type keyIDAnswer struct {
	KeyID string `json:"KeyId"`
}

// cancelKeyDeletion leaves the key disabled, as KMS does: enabling it is a
// decision of its own.
func (s *Server) cancelKeyDeletion(c *call, in *manageKeyInput) (any, error) {
	var answer keyIDAnswer
	err := s.changeKey(c, in.KeyID, func(k *key, _ time.Time) error {
		if k.State != statePendingDeletion {
			return refuse("KMSInvalidStateException", "%s is not pending deletion.", s.names.keyARN(k.ID))
		}
		k.State, k.DeletionDate = stateDisabled, nil
		answer.KeyID = s.names.keyARN(k.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

type getPublicKeyAnswer struct {
	KeyID                 string `json:"KeyId"`
	PublicKey             []byte
	CustomerMasterKeySpec string
	KeySpec               string
	KeyUsage              string
	EncryptionAlgorithms  []string
}

func (s *Server) getPublicKey(c *call, in *describeKeyInput) (any, error) {
	k, err := s.resolve(c, "keyId", in.KeyID, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if err := k.usableFor(s.names, k.Usage); err != nil {
		return nil, err
	}
	spec := keySpecs[k.Spec]
	if !spec.rsa {
		return nil, unsupported("%s key spec is %s: only an asymmetric key has a public key.", s.names.keyARN(k.ID), k.Spec)
	}
	private, err := k.rsa()
	if err != nil {
		return nil, errors.New("the store holds a damaged RSA key")
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return getPublicKeyAnswer{
		KeyID:                 s.names.keyARN(k.ID),
		PublicKey:             public,
		CustomerMasterKeySpec: k.Spec,
		KeySpec:               k.Spec,
		KeyUsage:              k.Usage,
		EncryptionAlgorithms:  spec.encrypts,
	}, nil
}
