package kmsdev

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
)

const maxDataKeySize = 1024

var dataKeySizes = map[string]int32{"AES_256": 32, "AES_128": 16}

type dataKeyInput struct {
	KeyID             *string `json:"KeyId"`
	KeySpec           *string
	NumberOfBytes     *int32
	EncryptionContext encryptionContext
	GrantTokens       grantTokens
	Recipient         recipient
	DryRun            bool
}

// size returns the length of the data key in bytes.
func (in *dataKeyInput) size() (int32, error) {
	if (in.KeySpec == nil) == (in.NumberOfBytes == nil) {
		return 0, invalid("Please specify either number of bytes or key spec, and not both.")
	}
	if in.NumberOfBytes != nil {
		return *in.NumberOfBytes, checkRange("numberOfBytes", in.NumberOfBytes, 1, maxDataKeySize)
	}
	return dataKeySizes[*in.KeySpec], checkEnum("keySpec", in.KeySpec, "AES_256", "AES_128")
}

// wrappingKey finds the key that is to wrap a data key or a private key.
func (s *Server) wrappingKey(c *call, keyID *string, ctx encryptionContext, tokens grantTokens) (*key, error) {
	if err := ctx.validate("encryptionContext"); err != nil {
		return nil, err
	}
	k, err := s.resolve(c, "keyId", keyID, tokens)
	if err != nil {
		return nil, err
	}
	return k, k.usableForDataKeys(s.names)
}

type dataKeyAnswer struct {
	CiphertextBlob []byte
	Plaintext      []byte `json:",omitempty"`
	KeyID          string `json:"KeyId"`
	KeyMaterialID  string `json:"KeyMaterialId"`
}

func (s *Server) generateDataKey(c *call, in *dataKeyInput) (any, error) {
	size, err := in.size()
	if err := firstError(err, in.Recipient.validate()); err != nil {
		return nil, err
	}
	k, err := s.wrappingKey(c, in.KeyID, in.EncryptionContext, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, size)
	rand.Read(plaintext)
	wrapped, err := sealBlob(k, in.EncryptionContext, plaintext)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return dataKeyAnswer{wrapped, plaintext, s.names.keyARN(k.ID), k.MaterialID}, nil
}

func (s *Server) generateDataKeyWithoutPlaintext(c *call, in *dataKeyInput) (any, error) {
	answer, err := s.generateDataKey(c, in)
	if err != nil {
		return nil, err
	}
	without := answer.(dataKeyAnswer)
	clear(without.Plaintext)
	without.Plaintext = nil
	return without, nil
}

type dataKeyPairInput struct {
	KeyID             *string `json:"KeyId"`
	KeyPairSpec       *string
	EncryptionContext encryptionContext
	GrantTokens       grantTokens
	Recipient         recipient
	DryRun            bool
}

func rsaPair(bits int) func() (private, public any, err error) {
	return func() (any, any, error) {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, nil, err
		}
		return key, &key.PublicKey, nil
	}
}

func ecPair(curve elliptic.Curve) func() (private, public any, err error) {
	return func() (any, any, error) {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		return key, &key.PublicKey, nil
	}
}

var dataKeyPairs = map[string]func() (private, public any, err error){
	"RSA_2048":      rsaPair(2048),
	"RSA_3072":      rsaPair(3072),
	"RSA_4096":      rsaPair(4096),
	"ECC_NIST_P256": ecPair(elliptic.P256()),
	"ECC_NIST_P384": ecPair(elliptic.P384()),
	"ECC_NIST_P521": ecPair(elliptic.P521()),
}

// otherDataKeyPairs are KMS's, but not this server's.
var otherDataKeyPairs = map[string]bool{
	"ECC_SECG_P256K1": true, "ECC_NIST_EDWARDS25519": true, "SM2": true,
	"ML_KEM_512": true, "ML_KEM_768": true, "ML_KEM_1024": true,
}

type dataKeyPairAnswer struct {
	KeyID                    string `json:"KeyId"`
	KeyMaterialID            string `json:"KeyMaterialId"`
	KeyPairSpec              string
	PrivateKeyCiphertextBlob []byte
	PrivateKeyPlaintext      []byte `json:",omitempty"`
	PublicKey                []byte
}

func (s *Server) generateDataKeyPair(c *call, in *dataKeyPairInput) (any, error) {
	if in.KeyPairSpec == nil {
		return nil, invalid("Value null at 'keyPairSpec' failed to satisfy constraint: Member must not be null.")
	}
	spec := *in.KeyPairSpec
	generate, ok := dataKeyPairs[spec]
	if !ok && otherDataKeyPairs[spec] {
		return nil, unsupported("kms-dev does not generate data key pairs of spec %s.", spec)
	}
	if !ok {
		return nil, invalid("Value '%s' at 'keyPairSpec' failed to satisfy constraint: Member must be a data key pair spec of KMS.", spec)
	}
	if err := in.Recipient.validate(); err != nil {
		return nil, err
	}
	k, err := s.wrappingKey(c, in.KeyID, in.EncryptionContext, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, dryRun() // before the costly part, which cannot be refused
	}
	private, public, err := generate()
	if err != nil {
		return nil, err
	}
	answer := dataKeyPairAnswer{KeyID: s.names.keyARN(k.ID), KeyMaterialID: k.MaterialID, KeyPairSpec: spec}
	if answer.PrivateKeyPlaintext, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, err
	}
	if answer.PublicKey, err = x509.MarshalPKIXPublicKey(public); err != nil {
		return nil, err
	}
	answer.PrivateKeyCiphertextBlob, err = sealBlob(k, in.EncryptionContext, answer.PrivateKeyPlaintext)
	return answer, err
}

func (s *Server) generateDataKeyPairWithoutPlaintext(c *call, in *dataKeyPairInput) (any, error) {
	answer, err := s.generateDataKeyPair(c, in)
	if err != nil {
		return nil, err
	}
	without := answer.(dataKeyPairAnswer)
	clear(without.PrivateKeyPlaintext)
	without.PrivateKeyPlaintext = nil
	return without, nil
}

type generateRandomInput struct {
	NumberOfBytes    *int32
	CustomKeyStoreID *string `json:"CustomKeyStoreId"`
	Recipient        recipient
}

type generateRandomAnswer struct {
	Plaintext []byte
}

func (s *Server) generateRandom(_ *call, in *generateRandomInput) (any, error) {
	if in.NumberOfBytes == nil {
		return nil, invalid("Value null at 'numberOfBytes' failed to satisfy constraint: Member must not be null.")
	}
	if err := firstError(checkRange("numberOfBytes", in.NumberOfBytes, 1, maxDataKeySize), in.Recipient.validate()); err != nil {
		return nil, err
	}
	if in.CustomKeyStoreID != nil {
		return nil, noCustomKeyStore()
	}
	plaintext := make([]byte, *in.NumberOfBytes)
	rand.Read(plaintext)
	return generateRandomAnswer{plaintext}, nil
}
