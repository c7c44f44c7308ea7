package kmsdev

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"
)

// The values of the protocol.
const (
	specSymmetric = "SYMMETRIC_DEFAULT"

	usageEncrypt = "ENCRYPT_DECRYPT"
	usageMAC     = "GENERATE_VERIFY_MAC"

	stateEnabled         = "Enabled"
	stateDisabled        = "Disabled"
	statePendingDeletion = "PendingDeletion"

	algorithmSymmetric  = "SYMMETRIC_DEFAULT"
	algorithmOAEPSHA1   = "RSAES_OAEP_SHA_1"
	algorithmOAEPSHA256 = "RSAES_OAEP_SHA_256"
)

// key is one KMS key, in memory and in the store file. It is never changed once
// it stands in a state: an update puts a changed copy in its place.
type key struct {
	ID          string `json:"id"`
	Spec        string `json:"spec"`
	Usage       string `json:"usage"`
	Description string `json:"description"`
	State       string `json:"state"`
	// DeletionDate is set exactly while State is PendingDeletion.
	DeletionDate *time.Time `json:"deletion_date,omitempty"`
	Created      time.Time  `json:"created"`
	// MaterialID is the KeyMaterialId of symmetric keys: random, 64 hex digits.
	MaterialID string `json:"material_id,omitempty"`
	// Material is the AES-256 key, the HMAC key, or the PKCS #8 form of the RSA
	// key, in the clear.
	Material []byte `json:"material"`
}

// keySpec says what a key of one KeySpec is made of.
type keySpec struct {
	usage    string
	bits     int // of the RSA modulus, or of the secret
	rsa      bool
	mac      string // MacAlgorithm of an HMAC key
	hash     func() hash.Hash
	encrypts []string // EncryptionAlgorithms
}

var oaepAlgorithms = []string{algorithmOAEPSHA1, algorithmOAEPSHA256}

// keySpecs are the KMS keys that this server implements in full.
var keySpecs = map[string]keySpec{
	specSymmetric: {usage: usageEncrypt, bits: 256, encrypts: []string{algorithmSymmetric}},
	"RSA_2048":    {usage: usageEncrypt, bits: 2048, rsa: true, encrypts: oaepAlgorithms},
	"RSA_3072":    {usage: usageEncrypt, bits: 3072, rsa: true, encrypts: oaepAlgorithms},
	"RSA_4096":    {usage: usageEncrypt, bits: 4096, rsa: true, encrypts: oaepAlgorithms},
	"HMAC_224":    {usage: usageMAC, bits: 224, mac: "HMAC_SHA_224", hash: sha256.New224},
	"HMAC_256":    {usage: usageMAC, bits: 256, mac: "HMAC_SHA_256", hash: sha256.New},
	"HMAC_384":    {usage: usageMAC, bits: 384, mac: "HMAC_SHA_384", hash: sha512.New384},
	"HMAC_512":    {usage: usageMAC, bits: 512, mac: "HMAC_SHA_512", hash: sha512.New},
}

// otherKeySpecs are KMS's, but not this server's.
var otherKeySpecs = map[string]bool{
	"ECC_NIST_P256": true, "ECC_NIST_P384": true, "ECC_NIST_P521": true, "ECC_NIST_EDWARDS25519": true,
	"ECC_SECG_P256K1": true, "SM2": true, "ML_DSA_44": true, "ML_DSA_65": true, "ML_DSA_87": true,
	"ML_KEM_512": true, "ML_KEM_768": true, "ML_KEM_1024": true,
}

// newKey makes an enabled key; its Created is the store's to set.
func newKey(spec, usage, description string) (*key, error) {
	s, ok := keySpecs[spec]
	if !ok || s.usage != usage {
		return nil, fmt.Errorf("no key of spec %q and usage %q", spec, usage)
	}
	k := &key{ID: newUUID(), Spec: spec, Usage: usage, Description: description, State: stateEnabled}
	if s.rsa {
		private, err := rsa.GenerateKey(rand.Reader, s.bits)
		if err != nil {
			return nil, err
		}
		if k.Material, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
			return nil, err
		}
		return k, nil
	}
	k.Material = make([]byte, s.bits/8)
	rand.Read(k.Material)
	if spec == specSymmetric {
		var id [32]byte
		rand.Read(id[:])
		k.MaterialID = hex.EncodeToString(id[:])
	}
	return k, nil
}

// validate judges a key read from a store file.
func (k *key) validate() error {
	if _, ok := parseUUID(k.ID); !ok {
		return errors.New("an id that is not a UUID")
	}
	s, ok := keySpecs[k.Spec]
	if !ok || s.usage != k.Usage {
		return fmt.Errorf("key %s: unknown spec or usage", k.ID)
	}
	switch k.State {
	case stateEnabled, stateDisabled, statePendingDeletion:
	default:
		return fmt.Errorf("key %s: unknown state", k.ID)
	}
	if (k.DeletionDate != nil) != (k.State == statePendingDeletion) {
		return fmt.Errorf("key %s: its state and its deletion date contradict each other", k.ID)
	}
	if k.Spec == specSymmetric {
		if id, err := hex.DecodeString(k.MaterialID); err != nil || len(id) != 32 {
			return fmt.Errorf("key %s: malformed material id", k.ID)
		}
	}
	if s.rsa {
		if private, err := k.rsa(); err != nil || private.N.BitLen() != s.bits {
			return fmt.Errorf("key %s: its material is not a key of %d bits", k.ID, s.bits)
		}
	} else if len(k.Material) != s.bits/8 {
		return fmt.Errorf("key %s: its material is not %d bytes", k.ID, s.bits/8)
	}
	return nil
}

func (k *key) rsa() (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Material)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return private, nil
}

// usableFor returns nil when the key's state and usage allow a cryptographic
// operation of that usage.
func (k *key) usableFor(n names, usage string) error {
	switch {
	case k.State == stateDisabled:
		return refuse("DisabledException", "%s is disabled.", n.keyARN(k.ID))
	case k.State == statePendingDeletion:
		return pendingDeletion(n, k)
	case k.Usage != usage:
		return refuse("InvalidKeyUsageException", "%s key usage is %s which is not valid for this operation.", n.keyARN(k.ID), k.Usage)
	}
	return nil
}

// usableForDataKeys is usableFor, and only symmetric keys wrap data keys.
func (k *key) usableForDataKeys(n names) error {
	if err := k.usableFor(n, usageEncrypt); err != nil {
		return err
	}
	if k.Spec != specSymmetric {
		return refuse("InvalidKeyUsageException", "%s key spec is %s: only a symmetric encryption key generates data keys.", n.keyARN(k.ID), k.Spec)
	}
	return nil
}

func pendingDeletion(n names, k *key) error {
	return refuse("KMSInvalidStateException", "%s is pending deletion.", n.keyARN(k.ID))
}

// alias is one name of a key.
type alias struct {
	Name    string    `json:"name"`
	KeyID   string    `json:"key_id"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}
