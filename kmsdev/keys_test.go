package kmsdev_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func describe(t *testing.T, c *kms.Client, ref string) *types.KeyMetadata {
	t.Helper()
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &ref})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata
}

func TestANewKeyIsAnEnabledSymmetricKeyOfThisAccountAndRegion(t *testing.T) {
	c := newClient(t)
	before := time.Now().Add(-time.Second)
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{Description: aws.String("für Tests")})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*types.KeyMetadata{
		"CreateKey":   out.KeyMetadata,
		"DescribeKey": describe(t, c, *out.KeyMetadata.KeyId),
	} {
		if *m.Arn != arnPrefix+"key/"+*m.KeyId || *m.AWSAccountId != "000000000000" {
			t.Errorf("%s: arn %s, account %s", name, *m.Arn, *m.AWSAccountId)
		}
		if m.KeySpec != types.KeySpecSymmetricDefault || m.KeyUsage != types.KeyUsageTypeEncryptDecrypt ||
			!slices.Equal(m.EncryptionAlgorithms, []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault}) {
			t.Errorf("%s: spec %s, usage %s, algorithms %v", name, m.KeySpec, m.KeyUsage, m.EncryptionAlgorithms)
		}
		if m.KeyState != types.KeyStateEnabled || !m.Enabled || m.DeletionDate != nil {
			t.Errorf("%s: state %s, enabled %v, deletion %v", name, m.KeyState, m.Enabled, m.DeletionDate)
		}
		if *m.Description != "für Tests" || m.KeyManager != types.KeyManagerTypeCustomer || m.Origin != types.OriginTypeAwsKms || *m.MultiRegion {
			t.Errorf("%s: description %q, manager %s, origin %s, multi-Region %v", name, *m.Description, m.KeyManager, m.Origin, *m.MultiRegion)
		}
		if m.CreationDate.Before(before) || m.CreationDate.After(time.Now().Add(time.Second)) {
			t.Errorf("%s: created %s", name, m.CreationDate)
		}
		if len(*m.CurrentKeyMaterialId) != 64 {
			t.Errorf("%s: material id %q", name, *m.CurrentKeyMaterialId)
		}
	}
}

func TestDescribeKeyShowsAsymmetricAndMACKeysForWhatTheyAre(t *testing.T) {
	c := newClient(t)
	rsa := describe(t, c, newKeyOf(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt))
	if rsa.KeySpec != types.KeySpecRsa2048 || len(rsa.EncryptionAlgorithms) != 2 || rsa.CurrentKeyMaterialId != nil {
		t.Errorf("RSA key: %+v", rsa)
	}
	mac := describe(t, c, newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac))
	if mac.KeyUsage != types.KeyUsageTypeGenerateVerifyMac || len(mac.EncryptionAlgorithms) != 0 ||
		!slices.Equal(mac.MacAlgorithms, []types.MacAlgorithmSpec{types.MacAlgorithmSpecHmacSha256}) {
		t.Errorf("HMAC key: %+v", mac)
	}
}

func TestAKeyIsFoundByIDAndARNAndAliasAndAliasARN(t *testing.T) {
	c := newClient(t)
	arn := newKey(t, c)
	newAlias(t, c, "alias/app/one_1", arn)
	id := strings.TrimPrefix(arn, arnPrefix+"key/")
	for _, ref := range []string{id, arn, "alias/app/one_1", arnPrefix + "alias/app/one_1"} {
		if got := *describe(t, c, ref).Arn; got != arn {
			t.Errorf("%s: got %s, want %s", ref, got, arn)
		}
		out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &ref, KeySpec: types.DataKeySpecAes256})
		if err != nil || *out.KeyId != arn {
			t.Errorf("GenerateDataKey with %s: %v", ref, err)
		}
	}
}

func TestKeyReferencesThatLeadNowhereAreRefused(t *testing.T) {
	c := newClient(t)
	arn := newKey(t, c)
	newAlias(t, c, "alias/here", arn)
	refs := []struct{ name, ref, code string }{
		{"unknown id", unknownKey, "NotFoundException"},
		{"unknown ARN", arnPrefix + "key/" + unknownKey, "NotFoundException"},
		{"not an id", "no-such-key", "NotFoundException"},
		{"id in capitals", strings.ToUpper(strings.TrimPrefix(arn, arnPrefix+"key/")), "NotFoundException"},
		{"unknown alias", "alias/nowhere", "NotFoundException"},
		{"unknown alias ARN", arnPrefix + "alias/nowhere", "NotFoundException"},
		{"foreign region", strings.Replace(arn, "us-east-1", "eu-west-1", 1), "NotFoundException"},
		{"foreign account", strings.Replace(arn, "000000000000", "111122223333", 1), "NotFoundException"},
		{"foreign partition", strings.Replace(arn, "arn:aws:", "arn:aws-cn:", 1), "NotFoundException"},
		{"alias of a foreign account", "arn:aws:kms:us-east-1:111122223333:alias/here", "NotFoundException"},
		{"ARN of another service", "arn:aws:s3:us-east-1:000000000000:key/" + unknownKey, "InvalidArnException"},
		{"ARN of another resource", arnPrefix + "grant/1", "InvalidArnException"},
		{"truncated ARN", "arn:aws:kms:us-east-1", "InvalidArnException"},
		{"empty", "", "ValidationException"},
		{"too long", strings.Repeat("k", 2049), "ValidationException"},
	}
	for _, r := range refs {
		t.Run(r.name, func(t *testing.T) {
			_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &r.ref})
			wantCode(t, err, r.code)
			_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &r.ref, Plaintext: []byte("x")})
			wantCode(t, err, r.code)
		})
	}
}

func TestManagingAKeyTakesNoAlias(t *testing.T) {
	c := newClient(t)
	newAlias(t, c, "alias/a", newKey(t, c))
	alias := aws.String("alias/a")
	checkRefusals(t, []refusal{
		{"EnableKey", "NotFoundException", func(ctx context.Context) error {
			_, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: alias})
			return err
		}},
		{"DisableKey", "NotFoundException", func(ctx context.Context) error {
			_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: alias})
			return err
		}},
		{"ScheduleKeyDeletion", "NotFoundException", func(ctx context.Context) error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: alias})
			return err
		}},
		{"CancelKeyDeletion", "NotFoundException", func(ctx context.Context) error {
			_, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: alias})
			return err
		}},
		{"CreateAlias", "NotFoundException", func(ctx context.Context) error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/b"), TargetKeyId: alias})
			return err
		}},
	})
}

// cryptographic returns every operation that uses a key, on key and blob.
func cryptographic(c *kms.Client, key string, blob []byte) []struct {
	name string
	call func(ctx context.Context) error
} {
	type operation = struct {
		name string
		call func(ctx context.Context) error
	}
	return []operation{
		{"Encrypt", func(ctx context.Context) error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
			return err
		}},
		{"Decrypt", func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
			return err
		}},
		{"Decrypt with KeyId", func(ctx context.Context) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: &key})
			return err
		}},
		{"ReEncrypt", func(ctx context.Context) error {
			_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: &key})
			return err
		}},
		{"GenerateDataKey", func(ctx context.Context) error {
			_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256})
			return err
		}},
		{"GenerateDataKeyWithoutPlaintext", func(ctx context.Context) error {
			_, err := c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &key, KeySpec: types.DataKeySpecAes256})
			return err
		}},
		{"GenerateDataKeyPair", func(ctx context.Context) error {
			_, err := c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: &key, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
			return err
		}},
		{"GenerateDataKeyPairWithoutPlaintext", func(ctx context.Context) error {
			_, err := c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: &key, KeyPairSpec: types.DataKeyPairSpecEccNistP256})
			return err
		}},
	}
}

func TestADisabledKeyRefusesUntilItIsEnabledAgain(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	blob := encrypt(t, c, key, "secret", nil)
	disable(t, c, key)
	if m := describe(t, c, key); m.KeyState != types.KeyStateDisabled || m.Enabled {
		t.Errorf("state %s, enabled %v", m.KeyState, m.Enabled)
	}
	for _, op := range cryptographic(c, key, blob) {
		t.Run(op.name, func(t *testing.T) { wantCode(t, op.call(t.Context()), "DisabledException") })
	}
	if _, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	for _, op := range cryptographic(c, key, blob) {
		if err := op.call(t.Context()); err != nil {
			t.Errorf("%s after EnableKey: %v", op.name, err)
		}
	}
}

func TestAKeyPendingDeletionRefusesAndComesBackDisabled(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	blob := encrypt(t, c, key, "secret", nil)
	newAlias(t, c, "alias/kept", key)
	other := newKey(t, c)
	newAlias(t, c, "alias/other", other)

	out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
	if err != nil {
		t.Fatal(err)
	}
	if *out.KeyId != key || out.KeyState != types.KeyStatePendingDeletion || *out.PendingWindowInDays != 7 {
		t.Errorf("answer %+v", out)
	}
	days := time.Until(*out.DeletionDate).Hours() / 24
	if m := describe(t, c, key); m.DeletionDate == nil || !m.DeletionDate.Equal(*out.DeletionDate) || days < 6.9 || days > 7.1 {
		t.Errorf("deletion date %v, described as %v", out.DeletionDate, m.DeletionDate)
	}
	for _, op := range cryptographic(c, key, blob) {
		t.Run(op.name, func(t *testing.T) { wantCode(t, op.call(t.Context()), "KMSInvalidStateException") })
	}
	checkRefusals(t, []refusal{
		{"EnableKey", "KMSInvalidStateException", func(ctx context.Context) error {
			_, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key})
			return err
		}},
		{"DisableKey", "KMSInvalidStateException", func(ctx context.Context) error {
			_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key})
			return err
		}},
		{"ScheduleKeyDeletion again", "KMSInvalidStateException", func(ctx context.Context) error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key})
			return err
		}},
		{"CreateAlias", "KMSInvalidStateException", func(ctx context.Context) error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/new"), TargetKeyId: &key})
			return err
		}},
		{"UpdateAlias", "KMSInvalidStateException", func(ctx context.Context) error {
			_, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: aws.String("alias/other"), TargetKeyId: &key})
			return err
		}},
		{"CancelKeyDeletion of a key that stays", "KMSInvalidStateException", func(ctx context.Context) error {
			_, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &other})
			return err
		}},
	})

	cancelled, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &key})
	if err != nil || *cancelled.KeyId != key {
		t.Fatalf("cancel: %+v, %v", cancelled, err)
	}
	if m := describe(t, c, "alias/kept"); m.KeyState != types.KeyStateDisabled || m.DeletionDate != nil {
		t.Errorf("after the cancel: state %s, deletion %v", m.KeyState, m.DeletionDate)
	}
	if _, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob}); err != nil {
		t.Errorf("a blob from before: %v", err)
	}
}

func TestTheWaitingPeriodIsSevenToThirtyDaysAndThirtyIfNotSaid(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	for _, days := range []int32{6, 31, 0, -1} {
		_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: &days})
		wantCode(t, err, "ValidationException")
	}
	out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key})
	if err != nil || *out.PendingWindowInDays != 30 {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestCreateKeyRefusesWhatItWouldOtherwiseIgnore(t *testing.T) {
	c := newClient(t)
	cases := []struct {
		name, code string
		in         kms.CreateKeyInput
	}{
		{"signing key", "UnsupportedOperationException", kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify}},
		{"elliptic curve", "UnsupportedOperationException", kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify}},
		{"unheard-of spec", "ValidationException", kms.CreateKeyInput{KeySpec: "ROT_13"}},
		{"usage that does not fit", "ValidationException", kms.CreateKeyInput{KeyUsage: types.KeyUsageTypeSignVerify}},
		{"usage left out", "ValidationException", kms.CreateKeyInput{KeySpec: types.KeySpecHmac256}},
		{"imported material", "UnsupportedOperationException", kms.CreateKeyInput{Origin: types.OriginTypeExternal}},
		{"multi-Region", "UnsupportedOperationException", kms.CreateKeyInput{MultiRegion: aws.Bool(true)}},
		{"policy", "UnsupportedOperationException", kms.CreateKeyInput{Policy: aws.String("{}")}},
		{"tags", "UnsupportedOperationException", kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}}},
		{"custom key store", "CustomKeyStoreNotFoundException", kms.CreateKeyInput{CustomKeyStoreId: aws.String("cks-1")}},
		{"external key", "UnsupportedOperationException", kms.CreateKeyInput{XksKeyId: aws.String("x")}},
		{"long description", "ValidationException", kms.CreateKeyInput{Description: aws.String(strings.Repeat("d", 8193))}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.CreateKey(t.Context(), &tc.in)
			wantCode(t, err, tc.code)
		})
	}
	out, err := c.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil || len(out.Keys) != 0 {
		t.Errorf("refused keys were made: %v, %v", out.Keys, err)
	}
}

func TestListKeysPagesThroughEveryKeyOnce(t *testing.T) {
	c := newClient(t)
	want := map[string]bool{}
	for range 5 {
		want[newKey(t, c)] = true
	}
	pages := 0
	for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(2)}); p.HasMorePages() && pages < 10; pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range out.Keys {
			if !want[*k.KeyArn] || *k.KeyArn != arnPrefix+"key/"+*k.KeyId {
				t.Errorf("unexpected or repeated: %s, %s", *k.KeyArn, *k.KeyId)
			}
			delete(want, *k.KeyArn)
		}
	}
	if len(want) != 0 || pages != 3 {
		t.Errorf("%d keys missing after %d pages", len(want), pages)
	}
	for _, limit := range []int32{0, -1, 1001} {
		_, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: &limit})
		wantCode(t, err, "ValidationException")
	}
	for _, marker := range []string{"x", "%", "eA"} {
		_, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: &marker})
		wantCode(t, err, "InvalidMarkerException")
	}
}

func TestAliasesAreCreatedMovedListedAndDeleted(t *testing.T) {
	c := newClient(t)
	one, two := newKey(t, c), newKey(t, c)
	for i := range 3 {
		newAlias(t, c, fmt.Sprintf("alias/a%d", i), one)
	}
	newAlias(t, c, "alias/b", two)

	list := func(in kms.ListAliasesInput) (names []string) {
		t.Helper()
		for p := kms.NewListAliasesPaginator(c, &in); p.HasMorePages() && len(names) < 10; {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range out.Aliases {
				if *a.AliasArn != arnPrefix+*a.AliasName || a.CreationDate == nil || a.LastUpdatedDate == nil {
					t.Errorf("entry %+v", a)
				}
				names = append(names, *a.AliasName+" "+arnPrefix+"key/"+*a.TargetKeyId)
			}
		}
		return names
	}
	want := []string{"alias/a0 " + one, "alias/a1 " + one, "alias/a2 " + one, "alias/b " + two}
	if got := list(kms.ListAliasesInput{}); !slices.Equal(got, want) {
		t.Errorf("all: %v", got)
	}
	if got := list(kms.ListAliasesInput{Limit: aws.Int32(1)}); !slices.Equal(got, want) {
		t.Errorf("one by one: %v", got)
	}
	if got := list(kms.ListAliasesInput{KeyId: &two}); !slices.Equal(got, want[3:]) {
		t.Errorf("of the second key: %v", got)
	}

	if _, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/a0"), TargetKeyId: &two}); err != nil {
		t.Fatal(err)
	}
	if got := *describe(t, c, "alias/a0").Arn; got != two {
		t.Errorf("the moved alias names %s", got)
	}
	if _, err := c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/a0")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/a0")})
	wantCode(t, err, "NotFoundException")
	if got := *describe(t, c, two).Arn; got != two {
		t.Errorf("deleting an alias touched its key")
	}
}

func TestAliasRefusals(t *testing.T) {
	c := newClient(t)
	key := newKey(t, c)
	mac := newKeyOf(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	rsa := newKeyOf(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	newAlias(t, c, "alias/taken", key)
	newAlias(t, c, "alias/rsa", rsa)
	create := func(name, target string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &target})
			return err
		}
	}
	update := func(name, target string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: &target})
			return err
		}
	}
	checkRefusals(t, []refusal{
		{"taken", "AlreadyExistsException", create("alias/taken", key)},
		{"no prefix", "ValidationException", create("taken", key)},
		{"prefix only", "InvalidAliasNameException", create("alias/", key)},
		{"bad character", "InvalidAliasNameException", create("alias/a b", key)},
		{"reserved", "InvalidAliasNameException", create("alias/aws/rds", key)},
		{"empty", "ValidationException", create("", key)},
		{"too long", "ValidationException", create("alias/"+strings.Repeat("a", 251), key)},
		{"unknown key", "NotFoundException", create("alias/new", unknownKey)},
		{"empty target", "ValidationException", create("alias/new", "")},
		{"update of an unknown alias", "NotFoundException", update("alias/new", key)},
		{"update to an unknown key", "NotFoundException", update("alias/taken", unknownKey)},
		{"update to a MAC key", "ValidationException", update("alias/taken", mac)},
		{"update to an asymmetric key", "ValidationException", update("alias/taken", rsa)},
		{"update from an asymmetric to a MAC key", "ValidationException", update("alias/rsa", mac)},
		{"deletion of an unknown alias", "NotFoundException", func(ctx context.Context) error {
			_, err := c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String("alias/new")})
			return err
		}},
		{"list of an unknown key", "NotFoundException", func(ctx context.Context) error {
			_, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: aws.String(unknownKey)})
			return err
		}},
		{"list with too large a limit", "ValidationException", func(ctx context.Context) error {
			_, err := c.ListAliases(ctx, &kms.ListAliasesInput{Limit: aws.Int32(101)})
			return err
		}},
	})
}
