package kmsdev

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"hash"
)

// oaepHash returns the hash of an OAEP algorithm. SHA-1 is among them because
// KMS offers it; within OAEP its collisions do no harm.
func oaepHash(algorithm string) hash.Hash {
	if algorithm == algorithmOAEPSHA1 {
		return sha1.New()
	}
	return sha256.New()
}

func encryptOAEP(k *key, algorithm string, plaintext []byte) ([]byte, error) {
	private, err := k.rsa()
	if err != nil {
		return nil, err
	}
	h := oaepHash(algorithm)
	if most := private.Size() - 2*h.Size() - 2; len(plaintext) > most {
		return nil, invalid("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, k.Spec, most)
	}
	return rsa.EncryptOAEP(h, rand.Reader, &private.PublicKey, plaintext, nil)
}

func decryptOAEP(k *key, algorithm string, ciphertext []byte) ([]byte, error) {
	private, err := k.rsa()
	if err != nil {
		return nil, err
	}
	plaintext, err := rsa.DecryptOAEP(oaepHash(algorithm), nil, private, ciphertext, nil)
	if err != nil {
		return nil, invalidCiphertext()
	}
	return plaintext, nil
}
