package kmsdev_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var table = map[string]string{"table": "public.users", "purpose": "seal", "version": "1"}

func TestEncryptAndDecryptReturnTheSameBytes(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	materialID := describe(t, c, key).CurrentKeyMaterialId
	for _, plaintext := range []string{"x", strings.Repeat("\x00\xff", 2048)} {
		out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte(plaintext), EncryptionContext: table})
		if err != nil {
			t.Fatal(err)
		}
		if *out.KeyId != key || out.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault ||
			len(plaintext) > 1 && bytes.Contains(out.CiphertextBlob, []byte(plaintext)) {
			t.Errorf("Encrypt answered %s, %s", *out.KeyId, out.EncryptionAlgorithm)
		}
		for _, named := range []*string{nil, &key} {
			back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: named, EncryptionContext: table})
			if err != nil {
				t.Fatal(err)
			}
			if string(back.Plaintext) != plaintext || *back.KeyId != key || *back.KeyMaterialId != *materialID ||
				back.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
				t.Errorf("Decrypt answered %d bytes of %d, %s, %s", len(back.Plaintext), len(plaintext), *back.KeyId, *back.KeyMaterialId)
			}
		}
	}
}

func TestTwoEncryptionsOfOnePlaintextDiffer(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	if bytes.Equal(encrypt(t, c, key, "same", nil), encrypt(t, c, key, "same", nil)) {
		t.Error("the blobs are equal")
	}
}

func TestTheContextMayComeInAnyOrder(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	pairs := map[string]string{}
	for i := range 20 {
		pairs[fmt.Sprint("key", i)] = fmt.Sprint("value", i)
	}
	blob := encrypt(t, c, key, "secret", pairs)
	// The SDK writes a map in Go's random order, so ten requests come in ten
	// orders.
	for range 10 {
		if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: pairs}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherContextDoesNotOpenTheBlob(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	bound := map[string]string{"ab": "c", "d": ""}
	blob := encrypt(t, c, key, "secret", bound)
	for name, ctx := range map[string]map[string]string{
		"none":                 nil,
		"one pair less":        {"ab": "c"},
		"one pair more":        {"ab": "c", "d": "", "e": "f"},
		"shifted border":       {"a": "bc", "d": ""},
		"key and value change": {"c": "ab", "d": ""},
		"other case":           {"AB": "c", "d": ""},
		"trailing space":       {"ab": "c ", "d": ""},
		"value moved":          {"ab": "", "d": "c"},
	} {
		for _, named := range []*string{nil, &key} {
			_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: named, EncryptionContext: ctx})
			t.Run(name, func(t *testing.T) { wantCode(t, err, "InvalidCiphertextException") })
			_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: named, SourceEncryptionContext: ctx, DestinationKeyId: &key})
			t.Run(name+", ReEncrypt", func(t *testing.T) { wantCode(t, err, "InvalidCiphertextException") })
		}
	}
	without := encrypt(t, c, key, "secret", nil)
	if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: without, EncryptionContext: map[string]string{}}); err != nil {
		t.Errorf("an empty context is not the same as none: %v", err)
	}
}

func TestContextsThatAreNotAcceptable(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	for name, ctx := range map[string]map[string]string{
		"empty key":   {"": "value"},
		"not Unicode": {"key": "\xff"},
		"too large":   {"key": strings.Repeat("v", 8192)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), EncryptionContext: ctx})
			wantCode(t, err, "ValidationException")
		})
	}
}

func TestABlobWithAnyByteChangedDoesNotOpen(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	blob := encrypt(t, c, key, "secret", table)
	try := func(name string, changed []byte) {
		for _, named := range []*string{nil, &key} {
			_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: changed, KeyId: named, EncryptionContext: table})
			t.Run(name, func(t *testing.T) { wantCode(t, err, "InvalidCiphertextException") })
		}
	}
	for i := range blob {
		changed := bytes.Clone(blob)
		changed[i] ^= 1 << (i % 8)
		try(fmt.Sprint("byte ", i), changed)
	}
	for _, n := range []int{1, 4, 20, len(blob) - 1} {
		try(fmt.Sprintf("the first %d bytes", n), blob[:n])
	}
	try("one byte more", append(bytes.Clone(blob), 0))
	try("not a blob", []byte("not a blob at all, but long enough to be one, one would think"))
}

func TestABlobOfAnotherKeyIsRefused(t *testing.T) {
	c := newClient(t)
	one, two := newKey(t, c), newKey(t, c)
	blob := encrypt(t, c, one, "secret", nil)
	checkRefusals(t, []refusal{
		{"Decrypt", "IncorrectKeyException", func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: &two})
			return err
		}},
		{"ReEncrypt", "IncorrectKeyException", func(ctx context.Context) error {
			_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: &two, DestinationKeyId: &one})
			return err
		}},
		{"Decrypt with an unknown key", "NotFoundException", func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String(unknownKey)})
			return err
		}},
		{"another KMS", "InvalidCiphertextException", func(ctx context.Context) error {
			stranger := newClient(t)
			newKey(t, stranger)
			_, err := stranger.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
			return err
		}},
	})
}

func TestReEncryptMovesABlobToAnotherKeyAndContext(t *testing.T) {
	c := newClient(t)
	one, two := newKey(t, c), newKey(t, c)
	newAlias(t, c, "alias/two", two)
	blob := encrypt(t, c, one, "secret", table)
	moved := map[string]string{"table": "public.customers"}
	out, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceKeyId: &one, SourceEncryptionContext: table,
		DestinationKeyId: aws.String("alias/two"), DestinationEncryptionContext: moved,
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.SourceKeyId != one || *out.KeyId != two ||
		*out.SourceKeyMaterialId != *describe(t, c, one).CurrentKeyMaterialId ||
		*out.DestinationKeyMaterialId != *describe(t, c, two).CurrentKeyMaterialId ||
		out.SourceEncryptionAlgorithm != "SYMMETRIC_DEFAULT" || out.DestinationEncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
		t.Errorf("answer %+v", out)
	}
	disable(t, c, one) // the new blob has nothing to do with the old key
	back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: &two, EncryptionContext: moved})
	if err != nil || string(back.Plaintext) != "secret" {
		t.Errorf("%q, %v", back.Plaintext, err)
	}
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: table, DestinationKeyId: &two})
	wantCode(t, err, "DisabledException")
	_, err = c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: out.CiphertextBlob, SourceEncryptionContext: moved, DestinationKeyId: &one})
	wantCode(t, err, "DisabledException")
}

func TestDataKeysHaveTheAskedSizeAndComeBackThroughDecrypt(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	materialID := *describe(t, c, key).CurrentKeyMaterialId
	for _, tc := range []struct {
		spec  types.DataKeySpec
		bytes *int32
		want  int
	}{
		{types.DataKeySpecAes256, nil, 32},
		{types.DataKeySpecAes128, nil, 16},
		{"", aws.Int32(1), 1},
		{"", aws.Int32(64), 64},
		{"", aws.Int32(1024), 1024},
	} {
		with, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: tc.spec, NumberOfBytes: tc.bytes, EncryptionContext: table})
		if err != nil {
			t.Fatal(err)
		}
		back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: with.CiphertextBlob, KeyId: &key, EncryptionContext: table})
		if err != nil || !bytes.Equal(back.Plaintext, with.Plaintext) || len(with.Plaintext) != tc.want {
			t.Errorf("%s: %d bytes, want %d: %v", tc.spec, len(with.Plaintext), tc.want, err)
		}
		without, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &key, KeySpec: tc.spec, NumberOfBytes: tc.bytes, EncryptionContext: table})
		if err != nil {
			t.Fatal(err)
		}
		back, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: without.CiphertextBlob, KeyId: &key, EncryptionContext: table})
		if err != nil || len(back.Plaintext) != tc.want || tc.want > 1 && bytes.Equal(back.Plaintext, with.Plaintext) {
			t.Errorf("%s without plaintext: %d bytes, want %d other ones: %v", tc.spec, len(back.Plaintext), tc.want, err)
		}
		if *with.KeyId != key || *without.KeyId != key || *with.KeyMaterialId != materialID || *without.KeyMaterialId != materialID {
			t.Errorf("answers of %s, %s", *with.KeyId, *without.KeyId)
		}
	}
}

func TestDataKeyPairsWorkAndTheirPrivateKeysComeBackThroughDecrypt(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	for _, spec := range []types.DataKeyPairSpec{"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"} {
		t.Run(string(spec), func(t *testing.T) {
			with, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: &key, KeyPairSpec: spec, EncryptionContext: table})
			if err != nil {
				t.Fatal(err)
			}
			if *with.KeyId != key || with.KeyPairSpec != spec || with.KeyMaterialId == nil {
				t.Errorf("answer of %s, %s", *with.KeyId, with.KeyPairSpec)
			}
			back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: with.PrivateKeyCiphertextBlob, KeyId: &key, EncryptionContext: table})
			if err != nil || !bytes.Equal(back.Plaintext, with.PrivateKeyPlaintext) {
				t.Fatalf("the private key does not come back: %v", err)
			}
			checkPair(t, spec, back.Plaintext, with.PublicKey)
		})
	}
	without, err := c.GenerateDataKeyPairWithoutPlaintext(t.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: &key, KeyPairSpec: "ECC_NIST_P256", EncryptionContext: table})
	if err != nil {
		t.Fatal(err)
	}
	back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: without.PrivateKeyCiphertextBlob, KeyId: &key, EncryptionContext: table})
	if err != nil {
		t.Fatal(err)
	}
	checkPair(t, "ECC_NIST_P256", back.Plaintext, without.PublicKey)
}

// checkPair wants a PKCS #8 private key and the SubjectPublicKeyInfo of its
// public half, of the size that spec says.
func checkPair(t *testing.T, spec types.DataKeyPairSpec, private, public []byte) {
	t.Helper()
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	half, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	var bits int
	var fits bool
	switch k := parsed.(type) {
	case *rsa.PrivateKey:
		bits, fits = k.N.BitLen(), k.PublicKey.Equal(half)
	case *ecdsa.PrivateKey:
		bits, fits = k.Curve.Params().BitSize, k.PublicKey.Equal(half)
	}
	if !fits || !strings.HasSuffix(string(spec), fmt.Sprint(bits)) {
		t.Errorf("%s: a key of %d bits, whose public half fits: %v", spec, bits, fits)
	}
}

func TestGenerateRandomReturnsTheAskedNumberOfBytes(t *testing.T) {
	c := newClient(t)
	seen := map[string]bool{}
	for _, n := range []int32{1, 32, 1024} {
		out, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: &n})
		if err != nil || len(out.Plaintext) != int(n) {
			t.Fatalf("%d bytes, want %d: %v", len(out.Plaintext), n, err)
		}
		seen[string(out.Plaintext)] = true
	}
	for _, n := range []*int32{nil, aws.Int32(0), aws.Int32(-1), aws.Int32(1025)} {
		_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: n})
		wantCode(t, err, "ValidationException")
	}
	_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: aws.String("cks-1")})
	wantCode(t, err, "CustomKeyStoreNotFoundException")
}

func TestRequestsThatBreakAConstraint(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	blob := encrypt(t, c, key, "secret", nil)
	dataKey := func(in kms.GenerateDataKeyInput) func(context.Context) error {
		in.KeyId = &key
		return func(ctx context.Context) error { _, err := c.GenerateDataKey(ctx, &in); return err }
	}
	enc := func(in kms.EncryptInput) func(context.Context) error {
		in.KeyId = &key
		return func(ctx context.Context) error { _, err := c.Encrypt(ctx, &in); return err }
	}
	dec := func(in kms.DecryptInput) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.Decrypt(ctx, &in); return err }
	}
	pair := func(spec types.DataKeyPairSpec) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: &key, KeyPairSpec: spec})
			return err
		}
	}
	attested := &types.RecipientInfo{AttestationDocument: []byte("x")}
	checkRefusals(t, []refusal{
		{"neither spec nor number of bytes", "ValidationException", dataKey(kms.GenerateDataKeyInput{})},
		{"both spec and number of bytes", "ValidationException", dataKey(kms.GenerateDataKeyInput{KeySpec: "AES_256", NumberOfBytes: aws.Int32(32)})},
		{"no bytes", "ValidationException", dataKey(kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(0)})},
		{"too many bytes", "ValidationException", dataKey(kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1025)})},
		{"unheard-of key spec", "ValidationException", dataKey(kms.GenerateDataKeyInput{KeySpec: "AES_192"})},
		{"recipient of a data key", "UnsupportedOperationException", dataKey(kms.GenerateDataKeyInput{KeySpec: "AES_256", Recipient: attested})},
		{"recipient of a plaintext", "UnsupportedOperationException", dec(kms.DecryptInput{CiphertextBlob: blob, Recipient: attested})},
		{"recipient of random bytes", "UnsupportedOperationException", func(ctx context.Context) error {
			_, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), Recipient: attested})
			return err
		}},
		{"recipient of a key pair", "UnsupportedOperationException", func(ctx context.Context) error {
			_, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: &key, KeyPairSpec: "ECC_NIST_P256", Recipient: attested})
			return err
		}},
		{"pair of a spec not implemented", "UnsupportedOperationException", pair("ECC_SECG_P256K1")},
		{"pair of an unheard-of spec", "ValidationException", pair("RSA_512")},
		{"empty plaintext", "ValidationException", enc(kms.EncryptInput{Plaintext: []byte{}})},
		{"long plaintext", "ValidationException", enc(kms.EncryptInput{Plaintext: make([]byte, 4097)})},
		{"unheard-of algorithm", "ValidationException", enc(kms.EncryptInput{Plaintext: []byte("x"), EncryptionAlgorithm: "ROT_13"})},
		{"asymmetric algorithm", "InvalidKeyUsageException", enc(kms.EncryptInput{Plaintext: []byte("x"), EncryptionAlgorithm: "RSAES_OAEP_SHA_256"})},
		{"no blob", "ValidationException", dec(kms.DecryptInput{})},
		{"empty blob", "ValidationException", dec(kms.DecryptInput{CiphertextBlob: []byte{}})},
		{"long blob", "ValidationException", dec(kms.DecryptInput{CiphertextBlob: make([]byte, 6145)})},
		{"eleven grant tokens", "ValidationException", enc(kms.EncryptInput{Plaintext: []byte("x"), GrantTokens: strings.Split(strings.Repeat("t ", 11), " ")[:11]})},
		{"empty grant token", "ValidationException", enc(kms.EncryptInput{Plaintext: []byte("x"), GrantTokens: []string{""}})},
		{"long grant token", "ValidationException", enc(kms.EncryptInput{Plaintext: []byte("x"), GrantTokens: []string{strings.Repeat("t", 8193)}})},
		{"malformed grant token", "InvalidGrantTokenException", enc(kms.EncryptInput{Plaintext: []byte("x"), GrantTokens: []string{"a token"}})},
		{"malformed grant token, Decrypt", "InvalidGrantTokenException", dec(kms.DecryptInput{CiphertextBlob: blob, GrantTokens: []string{"ä"}})},
		{"modifier without DryRun", "ValidationException", dec(kms.DecryptInput{CiphertextBlob: blob, KeyId: &key, DryRunModifiers: []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}})},
		{"unheard-of modifier", "ValidationException", dec(kms.DecryptInput{CiphertextBlob: blob, DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{"FASTER"}})},
		{"ignored ciphertext without a key", "ValidationException", dec(kms.DecryptInput{DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}})},
	})
	if err := enc(kms.EncryptInput{Plaintext: make([]byte, 4096), GrantTokens: []string{"AQpAM2RhZT+/=", "token-2_b.c"}})(t.Context()); err != nil {
		t.Errorf("the largest plaintext with two grant tokens: %v", err)
	}
}

func TestKeysOfAnotherUsageOrSpecDoNotWrapDataKeys(t *testing.T) {
	c := newClient(t)
	blob := encrypt(t, c, newKey(t, c), "secret", nil)
	for name, key := range map[string]string{
		"HMAC": newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac),
		"RSA":  newKeyOf(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt),
	} {
		for _, op := range cryptographic(c, key, blob) {
			want := "InvalidKeyUsageException"
			switch op.name {
			case "Decrypt":
				continue // names no key
			case "Decrypt with KeyId":
				want = "IncorrectKeyException"
			}
			t.Run(name+" "+op.name, func(t *testing.T) {
				err := op.call(t.Context())
				wantCode(t, err, want)
				if name == "HMAC" && want == "InvalidKeyUsageException" && !strings.Contains(err.Error(), "GENERATE_VERIFY_MAC") {
					t.Errorf("the message does not name the key's usage: %v", err)
				}
			})
		}
	}
}

func TestDryRunSaysWhetherTheRequestWouldSucceed(t *testing.T) {
	c := newClient(t)
	good, off := newKey(t, c), newKey(t, c)
	blob, offBlob := encrypt(t, c, good, "secret", table), encrypt(t, c, off, "secret", table)
	disable(t, c, off)
	yes := aws.Bool(true)
	ignore := []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}
	mac := newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)

	type attempt func(ctx context.Context, key string, blob []byte) error
	attempts := map[string]attempt{
		"Encrypt": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), DryRun: yes})
			return err
		},
		"Decrypt": func(ctx context.Context, key string, blob []byte) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: blob, EncryptionContext: table, DryRun: yes})
			return err
		},
		"Decrypt, any ciphertext": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, DryRun: yes, DryRunModifiers: ignore})
			return err
		},
		"ReEncrypt": func(ctx context.Context, key string, blob []byte) error {
			_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{DestinationKeyId: &key, CiphertextBlob: blob, SourceEncryptionContext: table, DryRun: yes})
			return err
		},
		"ReEncrypt, any ciphertext": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{DestinationKeyId: &good, SourceKeyId: &key, DryRun: yes, DryRunModifiers: ignore})
			return err
		},
		"GenerateDataKey": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: "AES_256", DryRun: yes})
			return err
		},
		"GenerateDataKeyWithoutPlaintext": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &key, KeySpec: "AES_256", DryRun: yes})
			return err
		},
		"GenerateDataKeyPair": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: &key, KeyPairSpec: "RSA_4096", DryRun: yes})
			return err
		},
		"GenerateDataKeyPairWithoutPlaintext": func(ctx context.Context, key string, _ []byte) error {
			_, err := c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: &key, KeyPairSpec: "RSA_4096", DryRun: yes})
			return err
		},
	}
	for name, try := range attempts {
		t.Run(name, func(t *testing.T) {
			wantCode(t, try(t.Context(), good, blob), "DryRunOperationException")
			wantCode(t, try(t.Context(), off, offBlob), "DisabledException")
			wantCode(t, try(t.Context(), unknownKey, blob), "NotFoundException")
		})
	}
	_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, DryRun: yes})
	wantCode(t, err, "InvalidCiphertextException") // the context is missing
	_, err = c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: &mac, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256", DryRun: yes})
	wantCode(t, err, "DryRunOperationException")
}

func TestRSAKeysEncryptAndDecrypt(t *testing.T) {
	c := newClient(t)
	key := newKeyOf(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	symmetric := newKey(t, c)
	for _, algorithm := range []types.EncryptionAlgorithmSpec{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"} {
		out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("secret"), EncryptionAlgorithm: algorithm})
		if err != nil || *out.KeyId != key || out.EncryptionAlgorithm != algorithm {
			t.Fatalf("%+v, %v", out, err)
		}
		back, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: &key, CiphertextBlob: out.CiphertextBlob, EncryptionAlgorithm: algorithm})
		if err != nil || string(back.Plaintext) != "secret" {
			t.Fatalf("%+v, %v", back, err)
		}
		moved, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
			SourceKeyId: &key, CiphertextBlob: out.CiphertextBlob, SourceEncryptionAlgorithm: algorithm,
			DestinationKeyId: &symmetric, DestinationEncryptionContext: table,
		})
		if err != nil {
			t.Fatal(err)
		}
		back, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: table})
		if err != nil || string(back.Plaintext) != "secret" {
			t.Fatalf("%+v, %v", back, err)
		}
	}
	public, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &key})
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := x509.ParsePKIXPublicKey(public.PublicKey); err != nil || parsed.(*rsa.PublicKey).N.BitLen() != 2048 || public.KeySpec != "RSA_2048" {
		t.Errorf("public key: %v", err)
	}
	alg := types.EncryptionAlgorithmSpec("RSAES_OAEP_SHA_256")
	checkRefusals(t, []refusal{
		{"no public key of a symmetric key", "UnsupportedOperationException", func(ctx context.Context) error {
			_, err := c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &symmetric})
			return err
		}},
		{"context", "ValidationException", func(ctx context.Context) error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), EncryptionAlgorithm: alg, EncryptionContext: table})
			return err
		}},
		{"too long for the modulus", "ValidationException", func(ctx context.Context) error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: make([]byte, 191), EncryptionAlgorithm: alg})
			return err
		}},
		{"no key named", "ValidationException", func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: make([]byte, 256), EncryptionAlgorithm: alg})
			return err
		}},
		{"not a ciphertext", "InvalidCiphertextException", func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: make([]byte, 256), EncryptionAlgorithm: alg})
			return err
		}},
	})
}

func TestHMACKeysGenerateAndVerify(t *testing.T) {
	c := newClient(t)
	for spec, size := range map[string]int{"224": 28, "256": 32, "384": 48, "512": 64} {
		key := newKeyOf(t, c, types.KeySpec("HMAC_"+spec), types.KeyUsageTypeGenerateVerifyMac)
		algorithm := types.MacAlgorithmSpec("HMAC_SHA_" + spec)
		out, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: &key, Message: []byte("message"), MacAlgorithm: algorithm})
		if err != nil || len(out.Mac) != size || *out.KeyId != key {
			t.Fatalf("%d bytes, want %d: %v", len(out.Mac), size, err)
		}
		ok, err := c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: &key, Message: []byte("message"), MacAlgorithm: algorithm, Mac: out.Mac})
		if err != nil || !ok.MacValid {
			t.Fatal(err)
		}
		_, err = c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: &key, Message: []byte("Message"), MacAlgorithm: algorithm, Mac: out.Mac})
		wantCode(t, err, "KMSInvalidMacException")
	}
	key := newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	_, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: &key, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_512"})
	wantCode(t, err, "InvalidKeyUsageException")
	symmetric := newKey(t, c)
	_, err = c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: &symmetric, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256"})
	wantCode(t, err, "InvalidKeyUsageException")
}

func TestManyClientsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	s := open(t, path)
	c := clientOf(t, s)
	shared := newKey(t, c)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("alias/worker", i)
			arn, err := s.EnsureAlias(name)
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 5 {
				out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &shared, KeySpec: "AES_256", EncryptionContext: table})
				if err != nil {
					t.Error(err)
					return
				}
				back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: &shared, EncryptionContext: table})
				if err != nil || !bytes.Equal(back.Plaintext, out.Plaintext) {
					t.Errorf("worker %d, round %d: %v", i, j, err)
				}
				if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
					t.Error(err)
				}
				_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &name, Plaintext: []byte("x")})
				if err == nil {
					t.Error("a key disabled by this worker encrypts")
				}
				if _, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &arn}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	out, err := c.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil || len(out.Keys) != 9 {
		t.Errorf("%d keys, want 9: %v", len(out.Keys), err)
	}
}
