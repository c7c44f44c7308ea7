package kmsdev

import (
	"errors"
	"slices"
)

// maxPlaintext is what Encrypt takes, in bytes.
const maxPlaintext = 4096

var allEncryptionAlgorithms = []string{algorithmSymmetric, algorithmOAEPSHA1, algorithmOAEPSHA256}

// usableWith is usableFor(usageEncrypt), and the key must know the algorithm.
func (k *key) usableWith(n names, algorithm string) error {
	if err := k.usableFor(n, usageEncrypt); err != nil {
		return err
	}
	if !slices.Contains(keySpecs[k.Spec].encrypts, algorithm) {
		return refuse("InvalidKeyUsageException", "%s key spec is %s, which the encryption algorithm %s does not fit.", n.keyARN(k.ID), k.Spec, algorithm)
	}
	return nil
}

// checkContext checks a context and that the algorithm can bind one.
func checkContext(member string, ctx encryptionContext, algorithm string) error {
	if len(ctx) > 0 && algorithm != algorithmSymmetric {
		return invalid("'%s' is valid only with the algorithm %s.", member, algorithmSymmetric)
	}
	return ctx.validate(member)
}

// encryptUnder encrypts with a key that usableWith accepted.
func encryptUnder(k *key, algorithm string, ctx encryptionContext, plaintext []byte) ([]byte, error) {
	if algorithm == algorithmSymmetric {
		return sealBlob(k, ctx, plaintext)
	}
	return encryptOAEP(k, algorithm, plaintext)
}

type encryptInput struct {
	KeyID               *string `json:"KeyId"`
	Plaintext           []byte
	EncryptionContext   encryptionContext
	EncryptionAlgorithm *string
	GrantTokens         grantTokens
	DryRun              bool
}

type encryptAnswer struct {
	CiphertextBlob      []byte
	KeyID               string `json:"KeyId"`
	EncryptionAlgorithm string
}

func (s *Server) encrypt(c *call, in *encryptInput) (any, error) {
	algorithm := valueOr(in.EncryptionAlgorithm, algorithmSymmetric)
	if err := firstError(
		checkSize("plaintext", in.Plaintext, 1, maxPlaintext),
		checkEnum("encryptionAlgorithm", in.EncryptionAlgorithm, allEncryptionAlgorithms...),
		checkContext("encryptionContext", in.EncryptionContext, algorithm),
	); err != nil {
		return nil, err
	}
	k, err := s.resolve(c, "keyId", in.KeyID, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if err := k.usableWith(s.names, algorithm); err != nil {
		return nil, err
	}
	ciphertext, err := encryptUnder(k, algorithm, in.EncryptionContext, in.Plaintext)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return encryptAnswer{ciphertext, s.names.keyARN(k.ID), algorithm}, nil
}

// source is the decrypting half of Decrypt and ReEncrypt; the members' names
// are those of the operation, for its errors.
type source struct {
	keyIDMember, contextMember string
	keyID                      *string
	ciphertext                 []byte
	context                    encryptionContext
	algorithm                  *string
	tokens                     grantTokens
	ignoreCiphertext           bool
}

func (in *source) check(algorithmMember string) error {
	err := firstError(
		checkOptionalKeyID(in.keyIDMember, in.keyID),
		checkEnum(algorithmMember, in.algorithm, allEncryptionAlgorithms...),
		checkContext(in.contextMember, in.context, valueOr(in.algorithm, algorithmSymmetric)),
		in.tokens.validate(),
	)
	if err == nil && !in.ignoreCiphertext {
		err = checkSize("ciphertextBlob", in.ciphertext, 1, maxBlobSize)
	}
	return err
}

// open finds the key, checks that it may be used and decrypts. With
// ignoreCiphertext it stops before decrypting and returns no plaintext.
func (s *Server) open(c *call, in *source) (*key, []byte, error) {
	algorithm := valueOr(in.algorithm, algorithmSymmetric)
	var asked *key
	if in.keyID != nil {
		k, err := s.resolve(c, in.keyIDMember, in.keyID, nil)
		if err != nil {
			return nil, nil, err
		}
		asked = k
	} else if in.ignoreCiphertext || algorithm != algorithmSymmetric {
		return nil, nil, invalid("'%s' is required with an asymmetric key, and when DryRunModifiers is %s.", in.keyIDMember, modifierIgnoreCiphertext)
	}
	if in.ignoreCiphertext {
		return asked, nil, asked.usableWith(s.names, algorithm)
	}
	if algorithm != algorithmSymmetric {
		if err := asked.usableWith(s.names, algorithm); err != nil {
			return nil, nil, err
		}
		plaintext, err := decryptOAEP(asked, algorithm, in.ciphertext)
		return asked, plaintext, err
	}
	return s.openSymmetric(c, in, asked)
}

func (s *Server) openSymmetric(c *call, in *source, asked *key) (*key, []byte, error) {
	b, err := parseBlob(in.ciphertext)
	if err != nil {
		return nil, nil, invalidCiphertext()
	}
	// A blob of no key of this KMS cannot be told from a damaged one. A blob of
	// another key of this KMS can: that is a mistake in the request.
	k := c.state.keys[b.keyID]
	if k == nil || k.Spec != specSymmetric {
		return nil, nil, invalidCiphertext()
	}
	if asked != nil && asked.ID != k.ID {
		return nil, nil, refuse("IncorrectKeyException",
			"The key ID in the request does not identify the KMS key that encrypted this ciphertext.")
	}
	c.keyID = k.ID
	if err := k.usableWith(s.names, algorithmSymmetric); err != nil {
		return nil, nil, err
	}
	plaintext, err := openBlob(k, in.context, b)
	if errors.Is(err, errBlob) {
		err = invalidCiphertext()
	}
	return k, plaintext, err
}

type decryptInput struct {
	CiphertextBlob      []byte
	KeyID               *string `json:"KeyId"`
	EncryptionContext   encryptionContext
	EncryptionAlgorithm *string
	GrantTokens         grantTokens
	Recipient           recipient
	DryRun              bool
	DryRunModifiers     dryRunModifiers
}

type decryptAnswer struct {
	KeyID               string `json:"KeyId"`
	Plaintext           []byte
	EncryptionAlgorithm string
	KeyMaterialID       string `json:"KeyMaterialId,omitempty"`
}

func (s *Server) decrypt(c *call, in *decryptInput) (any, error) {
	ignore, err := in.DryRunModifiers.ignoreCiphertext(in.DryRun)
	src := &source{
		keyIDMember: "keyId", contextMember: "encryptionContext",
		keyID: in.KeyID, ciphertext: in.CiphertextBlob, context: in.EncryptionContext,
		algorithm: in.EncryptionAlgorithm, tokens: in.GrantTokens, ignoreCiphertext: ignore,
	}
	if err := firstError(err, in.Recipient.validate(), src.check("encryptionAlgorithm")); err != nil {
		return nil, err
	}
	k, plaintext, err := s.open(c, src)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return decryptAnswer{s.names.keyARN(k.ID), plaintext, valueOr(in.EncryptionAlgorithm, algorithmSymmetric), k.MaterialID}, nil
}

type reEncryptInput struct {
	CiphertextBlob                 []byte
	SourceKeyID                    *string `json:"SourceKeyId"`
	SourceEncryptionContext        encryptionContext
	SourceEncryptionAlgorithm      *string
	DestinationKeyID               *string `json:"DestinationKeyId"`
	DestinationEncryptionContext   encryptionContext
	DestinationEncryptionAlgorithm *string
	GrantTokens                    grantTokens
	DryRun                         bool
	DryRunModifiers                dryRunModifiers
}

type reEncryptAnswer struct {
	CiphertextBlob                 []byte
	SourceKeyID                    string `json:"SourceKeyId"`
	KeyID                          string `json:"KeyId"`
	SourceEncryptionAlgorithm      string
	DestinationEncryptionAlgorithm string
	SourceKeyMaterialID            string `json:"SourceKeyMaterialId,omitempty"`
	DestinationKeyMaterialID       string `json:"DestinationKeyMaterialId,omitempty"`
}

func (s *Server) reEncrypt(c *call, in *reEncryptInput) (any, error) {
	ignore, err := in.DryRunModifiers.ignoreCiphertext(in.DryRun)
	src := &source{
		keyIDMember: "sourceKeyId", contextMember: "sourceEncryptionContext",
		keyID: in.SourceKeyID, ciphertext: in.CiphertextBlob, context: in.SourceEncryptionContext,
		algorithm: in.SourceEncryptionAlgorithm, tokens: in.GrantTokens, ignoreCiphertext: ignore,
	}
	algorithm := valueOr(in.DestinationEncryptionAlgorithm, algorithmSymmetric)
	if err := firstError(err,
		src.check("sourceEncryptionAlgorithm"),
		checkEnum("destinationEncryptionAlgorithm", in.DestinationEncryptionAlgorithm, allEncryptionAlgorithms...),
		checkContext("destinationEncryptionContext", in.DestinationEncryptionContext, algorithm),
	); err != nil {
		return nil, err
	}
	// The destination first: a request that cannot succeed decrypts nothing.
	to, err := s.resolve(c, "destinationKeyId", in.DestinationKeyID, nil)
	if err != nil {
		return nil, err
	}
	if err := to.usableWith(s.names, algorithm); err != nil {
		return nil, err
	}
	from, plaintext, err := s.open(c, src)
	if err != nil {
		return nil, err
	}
	if ignore {
		return nil, dryRun()
	}
	ciphertext, err := encryptUnder(to, algorithm, in.DestinationEncryptionContext, plaintext)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return reEncryptAnswer{
		CiphertextBlob:                 ciphertext,
		SourceKeyID:                    s.names.keyARN(from.ID),
		KeyID:                          s.names.keyARN(to.ID),
		SourceEncryptionAlgorithm:      valueOr(in.SourceEncryptionAlgorithm, algorithmSymmetric),
		DestinationEncryptionAlgorithm: algorithm,
		SourceKeyMaterialID:            from.MaterialID,
		DestinationKeyMaterialID:       to.MaterialID,
	}, nil
}
