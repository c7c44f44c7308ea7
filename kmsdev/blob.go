package kmsdev

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// A ciphertext blob of a symmetric key:
//
//	0   4  magic and version
//	4  16  key id
//	20 12  nonce
//	32  n  ciphertext
//	…  16  tag
//
// AES-256-GCM; additional data = magic, key id and the canonical encryption
// context. Nonces are random, which is safe for 2^32 blobs under one key: far
// beyond what a development server sees.
const (
	blobMagic      = "kmd\x01"
	blobHeaderSize = len(blobMagic) + uuidSize
	nonceSize      = 12
	tagSize        = 16
	// minBlobSize is the size of a blob of one byte, the shortest plaintext.
	minBlobSize = blobHeaderSize + nonceSize + 1 + tagSize
	// maxBlobSize is KMS's own limit on what Decrypt takes. The largest
	// plaintext (4096 bytes, or an RSA_4096 private key of some 2400) stays
	// well below it.
	maxBlobSize = 6144
)

var errBlob = errors.New("not a ciphertext blob of this key and context")

// blob is a parsed ciphertext blob; its slices alias the input.
type blob struct {
	keyID  string
	header []byte
	nonce  []byte
	sealed []byte // ciphertext and tag
}

// parseBlob splits b without judging whether it is authentic.
func parseBlob(b []byte) (blob, error) {
	if len(b) < minBlobSize || len(b) > maxBlobSize || string(b[:len(blobMagic)]) != blobMagic {
		return blob{}, errBlob
	}
	return blob{
		keyID:  formatUUID([uuidSize]byte(b[len(blobMagic):blobHeaderSize])),
		header: b[:blobHeaderSize:blobHeaderSize],
		nonce:  b[blobHeaderSize : blobHeaderSize+nonceSize],
		sealed: b[blobHeaderSize+nonceSize:],
	}, nil
}

// sealBlob encrypts plaintext under a symmetric key.
func sealBlob(k *key, ctx encryptionContext, plaintext []byte) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	id, ok := parseUUID(k.ID)
	if !ok {
		return nil, errors.New("key id is not a UUID")
	}
	out := make([]byte, 0, blobHeaderSize+nonceSize+len(plaintext)+tagSize)
	out = append(out, blobMagic...)
	out = append(out, id[:]...)
	aad := append(out[:blobHeaderSize:blobHeaderSize], ctx.canonical()...)
	out = out[:blobHeaderSize+nonceSize]
	nonce := out[blobHeaderSize:]
	rand.Read(nonce)
	return aead.Seal(out, nonce, plaintext, aad), nil
}

// openBlob decrypts a parsed blob. A wrong key, a wrong context and a changed
// byte are one and the same errBlob.
func openBlob(k *key, ctx encryptionContext, b blob) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, b.nonce, b.sealed, append(b.header, ctx.canonical()...))
	if err != nil {
		return nil, errBlob
	}
	return plaintext, nil
}

func (k *key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Material)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
