package keystore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/kmsdev/kmsfault"
)

func TestAProvisionedKeySealsAndOpens(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	var source keycache.Source = w.store()
	key, err := source.Unwrap(t.Context(), keycache.ID{Database: w.database, Key: id})
	if err != nil {
		t.Fatal(err)
	}
	env, err := key.Seal(nil, 1, 0, nil, []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	key.Erase()
	again, err := source.Unwrap(t.Context(), keycache.ID{Database: w.database, Key: id})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Erase()
	if value, err := again.Open(nil, 1, env); err != nil || string(value) != "value" {
		t.Errorf("got %q, %v", value, err)
	}
	if h, err := envelope.Parse(env); err != nil || h.KeyID != id {
		t.Errorf("the envelope names key %d, %v", h.KeyID, err)
	}
}

func TestTheCheckValueIsRecordedOnceAndThenCompared(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	if one[bool](w, `SELECT checked FROM pgseal.keys WHERE key_id = $1`, id) {
		t.Fatal("checked before the first unwrap")
	}
	check := w.opens(w.store(), id)
	if got := one[[]byte](w, `SELECT key_check FROM pgseal.data_key WHERE key_id = $1`, id); string(got) != string(check[:]) {
		t.Errorf("recorded %x, want %x", got, check)
	}
	w.opens(w.store(), id)
	w.exec(`UPDATE pgseal.data_key SET key_check = set_byte(key_check, 15, get_byte(key_check, 15) # 1) WHERE key_id = $1`, id)
	_, err := unwrap(t.Context(), w.store(), id)
	w.refused(err, keystore.ErrTampered, "data key", "public.users", "seal", "version 1", "first recorded", "Restore")
	if !errors.Is(err, keycache.ErrFinal) {
		t.Error("the cache may go on with a tampered key")
	}
}

// A standby, or a role that may only read.
func TestAKeyIsOpenedWhereItsCheckValueCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	w.exec(`GRANT SELECT ON ALL TABLES IN SCHEMA pgseal TO reader`)
	w.opens(w.storeOn(w.connect("reader"), keystore.Options{}), id)
	w.opens(w.storeOn(w.begin(w.db, pgx.TxOptions{AccessMode: pgx.ReadOnly}), keystore.Options{}), id)
	if one[bool](w, `SELECT checked FROM pgseal.keys WHERE key_id = $1`, id) {
		t.Fatal("the check value was recorded")
	}
	w.exec(`SELECT pgseal.grant_proxy('proxy')`)
	w.opens(w.storeOn(w.connect("proxy"), keystore.Options{}), id)
	if !one[bool](w, `SELECT checked FROM pgseal.keys WHERE key_id = $1`, id) {
		t.Error("the proxy's role did not record the check value")
	}
}

// None of these may reach KMS.
func TestARowThatWasChangedIsRefusedBeforeKMSIsAsked(t *testing.T) {
	for name, change := range map[string]string{
		"blob and context of another table": `UPDATE pgseal.data_key a SET (ciphertext_blob, encryption_context, kms_key_arn) =
			(SELECT ciphertext_blob, encryption_context, kms_key_arn FROM pgseal.data_key b WHERE b.table_id = 2 AND purpose = 'seal')
			WHERE a.table_id = 1 AND purpose = 'seal'`,
		"blob and context of another purpose": `UPDATE pgseal.data_key a SET (ciphertext_blob, encryption_context) =
			(SELECT ciphertext_blob, encryption_context FROM pgseal.data_key b WHERE b.table_id = 1 AND purpose = 'index')
			WHERE a.table_id = 1 AND purpose = 'seal'`,
		"row moved to another table": `UPDATE pgseal.data_key SET table_id = 2, version = 9 WHERE table_id = 1 AND purpose = 'seal'`,
		"other version":              `UPDATE pgseal.data_key SET version = 2 WHERE table_id = 1 AND purpose = 'seal'`,
		"other installation":         `UPDATE pgseal.installation SET id = gen_random_uuid()`,
		"no installation":            `DELETE FROM pgseal.installation`,
		"other name of the table":    `UPDATE pgseal.sealed_table SET name_at_creation = 'public.orders'`,
		"context with more in it":    `UPDATE pgseal.data_key SET encryption_context = encryption_context || '{"a": "b"}'`,
		"context with less in it":    `UPDATE pgseal.data_key SET encryption_context = encryption_context - 'pgseal:purpose'`,
		"context with a number":      `UPDATE pgseal.data_key SET encryption_context = encryption_context || '{"pgseal:version": 1}'`,
		"no context":                 `UPDATE pgseal.data_key SET encryption_context = '{}'`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.provision("users").Seal.ID
			w.provision("orders")
			w.exec(`ALTER TABLE pgseal.data_key DROP CONSTRAINT data_key_table_id_purpose_version_key`)
			w.exec(`DROP INDEX pgseal.data_key_one_active`)
			w.exec(change)
			_, err := unwrap(t.Context(), w.store(), id)
			w.refused(err, keystore.ErrTampered, "data key", "encryption context", "Restore")
			if n := w.faults.Count("Decrypt"); n != 0 {
				t.Errorf("KMS was asked %d times", n)
			}
		})
	}
}

func TestABlobThatWasChangedIsRefusedByKMS(t *testing.T) {
	for name, change := range map[string]string{
		"one bit":               `UPDATE pgseal.data_key SET ciphertext_blob = set_bit(ciphertext_blob, 500, 1 - get_bit(ciphertext_blob, 500))`,
		"cut":                   `UPDATE pgseal.data_key SET ciphertext_blob = substring(ciphertext_blob, 1, 20)`,
		"blob of another table": `UPDATE pgseal.data_key SET ciphertext_blob = (SELECT ciphertext_blob FROM pgseal.data_key WHERE table_id = 2 AND purpose = 'seal')`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.provision("users").Seal.ID
			w.provision("orders")
			w.exec(change)
			_, err := unwrap(t.Context(), w.store(), id)
			w.refused(err, keystore.ErrTampered, "public.users", "seal", "Restore")
			if !errors.Is(err, keycache.ErrFinal) {
				t.Errorf("%v is not final", err)
			}
		})
	}
}

func TestABlobOfAForeignKMSKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	foreign, err := w.kms.EnsureAlias("alias/foreign")
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE pgseal.data_key SET kms_key_arn = $1`, foreign)
	_, err = unwrap(t.Context(), w.store(), id)
	w.refused(err, keystore.ErrTampered, "not of the KMS key that the row names")
}

func TestKeysThatAreNotInUse(t *testing.T) {
	w := newWorld(t)
	p := w.provision("users")
	s := w.store()
	_, err := unwrap(t.Context(), s, 4_000_000_000)
	w.refused(err, keystore.ErrUnknownKey, "4000000000")
	for _, state := range []string{keystore.StatePending, keystore.StateOpenOnly} {
		w.exec(`UPDATE pgseal.data_key SET state = $1 WHERE key_id = $2`, state, p.Seal.ID)
		w.opens(s, p.Seal.ID)
	}
	w.exec(`UPDATE pgseal.data_key SET state = 'retired'`)
	_, err = unwrap(t.Context(), s, p.Seal.ID)
	w.refused(err, keystore.ErrUnusable, "retired")
	w.exec(`UPDATE pgseal.data_key SET state = 'destroyed', ciphertext_blob = NULL`)
	_, err = unwrap(t.Context(), s, p.Seal.ID)
	w.refused(err, keystore.ErrUnusable, "destroyed")
	w.exec(`UPDATE pgseal.data_key SET state = 'active', purpose = 'pair', ciphertext_blob = '\x00' WHERE key_id = $1`, p.Seal.ID)
	_, err = unwrap(t.Context(), s, p.Seal.ID)
	w.refused(err, keystore.ErrUnusable, "purpose")
}

func TestWhatKMSAnswersDecidesWhetherTheKeyMayServeOn(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	s := w.store()
	exception := func(code string) kmsfault.Failure {
		return kmsfault.Failure{Status: 400, Exception: code, Message: "no"}
	}
	for _, c := range []struct {
		failure kmsfault.Failure
		kind    error
		word    string
	}{
		{kmsfault.Throttled, keycache.ErrTemporary, "busy"},
		{exception("LimitExceededException"), keycache.ErrTemporary, "quota"},
		{kmsfault.Internal, keycache.ErrTemporary, "not available"},
		{kmsfault.KeyUnavailable, keycache.ErrTemporary, "not available"},
		{kmsfault.DependencyTimeout, keycache.ErrTemporary, "not available"},
		{kmsfault.BadGateway, keycache.ErrTemporary, ""},
		{kmsfault.Disconnected, keycache.ErrTemporary, "cannot be reached"},
		{kmsfault.AccessDenied, keycache.ErrFinal, "IAM policy"},
		{exception("DisabledException"), keycache.ErrFinal, "disabled"},
		{exception("KMSInvalidStateException"), keycache.ErrFinal, "cancel-key-deletion"},
		{exception("NotFoundException"), keycache.ErrFinal, "does not know"},
		{exception("InvalidGrantTokenException"), keycache.ErrFinal, "grants"},
		{exception("UnrecognizedClientException"), keycache.ErrFinal, "credentials"},
		{exception("InvalidCiphertextException"), keystore.ErrTampered, "pgseal.data_key"},
		{exception("IncorrectKeyException"), keystore.ErrTampered, "pgseal.data_key"},
		{exception("InvalidKeyUsageException"), keystore.ErrConfiguration, "SYMMETRIC_DEFAULT"},
		{exception("ValidationException"), keystore.ErrConfiguration, "SYMMETRIC_DEFAULT"},
		{exception("UnsupportedOperationException"), keystore.ErrConfiguration, ""},
		{exception("SomethingNewException"), keycache.ErrFinal, ""},
		{kmsfault.Failure{Status: 403, Exception: "", Message: ""}, keycache.ErrFinal, "AWS_ENDPOINT_URL_KMS"},
	} {
		t.Run(c.failure.Exception, func(t *testing.T) {
			w.faults.Fail("Decrypt", 1, c.failure)
			_, err := unwrap(t.Context(), s, id)
			if !errors.Is(err, c.kind) || errors.Is(err, keycache.ErrTemporary) == errors.Is(err, keycache.ErrFinal) {
				t.Errorf("%+v: got %v", c.failure, err)
			}
			e := new(keystore.Error)
			if !errors.As(err, &e) || !strings.Contains(err.Error()+e.Hint(), c.word) || !strings.Contains(err.Error(), "data key") {
				t.Errorf("%v (hint: %s) does not say %q", err, e.Hint(), c.word)
			}
		})
	}
	w.faults.Clear()
	w.opens(s, id)
}

func TestADisabledKMSKeyEndsTheUseOfItsDataKeys(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	if _, err := w.client.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &w.arn}); err != nil {
		t.Fatal(err)
	}
	_, err := unwrap(t.Context(), w.store(), id)
	w.refused(err, keycache.ErrFinal, "disabled", "aws kms enable-key", w.arn)
	if _, err := w.client.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &w.arn}); err != nil {
		t.Fatal(err)
	}
	w.opens(w.store(), id)
}

func TestUnwrapEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	release := make(chan struct{})
	defer close(release)
	w.faults.Hold("Decrypt", release)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := unwrap(ctx, w.store(), id)
		ended <- err
	}()
	if err := w.faults.Await(ctx, "Decrypt", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		w.refused(err, keycache.ErrTemporary, "did not answer in time")
	case <-time.After(patience):
		t.Fatal("Unwrap goes on")
	}
}

func TestADatabaseThatIsAwayIsATemporaryFailure(t *testing.T) {
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	gone := w.connect(owner)
	gone.Close()
	if _, err := unwrap(t.Context(), w.storeOn(gone, keystore.Options{}), id); !errors.Is(err, keycache.ErrTemporary) {
		t.Errorf("got %v", err)
	}
	_, err := unwrap(t.Context(), w.storeOn(w.connect("reader"), keystore.Options{}), id)
	w.refused(err, keycache.ErrFinal, "grant_proxy")
}

func TestAES128KeysOpenToo(t *testing.T) {
	w := newWorld(t)
	s := w.storeOn(w.db, keystore.Options{KeySpec: "AES_128"})
	p, err := s.Provision(t.Context(), one[uint32](w, `SELECT 'users'::regclass::oid`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Seal.Spec != "AES_128" {
		t.Errorf("the key is %s", p.Seal.Spec)
	}
	w.opens(s, p.Seal.ID)
	if _, err := keystore.New(w.db, w.client, keystore.Options{KeySpec: "RSA_2048"}); !errors.Is(err, keystore.ErrConfiguration) {
		t.Errorf("got %v", err)
	}
}
