package keystore_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/jackc/pgx/v5"

	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/kmsdev/kmsfault"
)

func TestProvisionMakesBothKeysOnceAndWithoutDecrypt(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE SCHEMA "Odd Schema"`)
	w.exec(`CREATE TABLE "Odd Schema"."Ta""ble" (id int)`)
	p := w.provision(`"Odd Schema"."Ta""ble"`)
	if p.Name != `"Odd Schema"."Ta""ble"` || p.Seal.Purpose != "seal" || p.Index.Purpose != "index" || p.Seal.ID == p.Index.ID {
		t.Errorf("got %+v", p)
	}
	if p.Seal.Version != 1 || p.Seal.State != keystore.StateActive || p.Seal.Spec != "AES_256" || p.Seal.KMSKeyARN != w.arn || p.Seal.Checked {
		t.Errorf("got %+v", p.Seal)
	}
	if got := one[string](w, `SELECT encryption_context - 'pgseal:installation' #>> '{}' FROM pgseal.data_key WHERE key_id = $1`, p.Seal.ID); got !=
		`{"pgseal:table": "\"Odd Schema\".\"Ta\"\"ble\"", "pgseal:purpose": "seal", "pgseal:version": "1", "pgseal:table-id": "1"}` {
		t.Errorf("the encryption context is %s", got)
	}
	w.exec(`ALTER TABLE "Odd Schema"."Ta""ble" RENAME TO plain`)
	again := w.provision(`"Odd Schema".plain`)
	if again.ID != p.ID || again.Seal.ID != p.Seal.ID || again.Index.ID != p.Index.ID || again.Name != p.Name || again.Seal.Table != `"Odd Schema".plain` {
		t.Errorf("again: %+v", again)
	}
	for op, want := range map[string]int{"GenerateDataKeyWithoutPlaintext": 2, "Decrypt": 0, "GenerateDataKey": 0} {
		if n := w.faults.Count(op); n != want {
			t.Errorf("%s was called %d times", op, n)
		}
	}
	w.opens(w.store(), p.Seal.ID)
	w.opens(w.store(), p.Index.ID)
}

func TestProvisionAtTheSameTimeGivesTheSameKeys(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[[2]uint32]bool{}
	for range 4 {
		wg.Go(func() {
			p, err := w.store().Provision(t.Context(), one[uint32](w, `SELECT 'users'::regclass::oid`))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[[2]uint32{p.Seal.ID, p.Index.ID}] = true
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("got %v", ids)
	}
}

func TestProvisionStaysInTheCallersTransaction(t *testing.T) {
	w := newWorld(t)
	tx := w.begin(w.db, pgx.TxOptions{})
	p, err := w.storeOn(tx, keystore.Options{}).Provision(t.Context(), one[uint32](w, `SELECT 'users'::regclass::oid`))
	if err != nil {
		t.Fatal(err)
	}
	w.opens(w.storeOn(tx, keystore.Options{}), p.Seal.ID)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := one[int](w, `SELECT count(*) FROM pgseal.sealed_table`); n != 0 {
		t.Error("the rolled back table is there")
	}
}

func TestProvisionOfNoTable(t *testing.T) {
	w := newWorld(t)
	if _, err := w.store().Provision(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "no table") {
		t.Errorf("got %v", err)
	}
}

func TestProvisionWithoutInstallationRowNamesTheInstallation(t *testing.T) {
	w := newWorld(t)
	w.exec(`DELETE FROM pgseal.installation`) // as after CREATE EXTENSION alone
	w.opens(w.store(), w.provision("users").Seal.ID)
}

func TestAKMSKeyThatWasJustMadeIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	users := one[uint32](w, `SELECT 'users'::regclass::oid`)
	unknown := kmsfault.Failure{Status: 400, Exception: "NotFoundException", Message: "Alias is not found."}
	w.faults.Fail("GenerateDataKeyWithoutPlaintext", 2, unknown)
	if _, err := w.storeOn(w.db, keystore.Options{}).Provision(t.Context(), users); err != nil {
		t.Fatal(err)
	}
	if n := w.faults.Count("GenerateDataKeyWithoutPlaintext"); n != 4 {
		t.Errorf("KMS was asked %d times", n)
	}

	// Reading does not wait: the key has gone.
	w.faults.Fail("Decrypt", 1, unknown)
	_, err := unwrap(t.Context(), w.storeOn(w.db, keystore.Options{}), 1)
	w.refused(err, keycache.ErrFinal, "does not know")
	if n := w.faults.Count("Decrypt"); n != 1 {
		t.Errorf("KMS was asked %d times", n)
	}

	_, err = w.storeOn(w.db, keystore.Options{KMSKeyID: "alias/nowhere", Patience: -1}).Provision(t.Context(), one[uint32](w, `SELECT 'orders'::regclass::oid`))
	w.refused(err, keycache.ErrFinal, "alias/nowhere", "public.orders", "does not know")
}

func TestTheKMSKeyOfTheInstallation(t *testing.T) {
	w := newWorld(t)
	s, err := keystore.New(w.db, w.client, keystore.Options{Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	users := one[uint32](w, `SELECT 'users'::regclass::oid`)
	_, err = s.Provision(t.Context(), users)
	w.refused(err, keystore.ErrConfiguration, "pgseal init --kms-key-id")
	_, err = s.Check(t.Context())
	w.refused(err, keystore.ErrConfiguration, "PGSEAL_KMS_KEY_ID")

	id := w.arn[strings.LastIndex(w.arn, "/")+1:]
	aliasARN := strings.Replace(w.arn, "key/"+id, alias, 1)
	for _, name := range []string{id, w.arn, alias, aliasARN} {
		k, err := s.SetKMSKey(t.Context(), name)
		if err != nil || k.ARN != w.arn || k.ID != name || k.Account != "000000000000" || k.Foreign {
			t.Fatalf("%s: %+v, %v", name, k, err)
		}
		if checked, err := s.Check(t.Context()); err != nil || checked != k {
			t.Errorf("Check says %+v, %v", checked, err)
		}
	}
	p, err := s.Provision(t.Context(), users)
	if err != nil || p.Seal.KMSKeyARN != w.arn {
		t.Errorf("got %+v, %v", p, err)
	}
	if n := one[int](w, `SELECT count(*) FROM pgseal.installation WHERE kms_key_id = $1`, aliasARN); n != 1 {
		t.Error("the alias is not stored as given")
	}
}

func TestAKMSKeyThatCannotServeIsNamedBeforeItsFirstUse(t *testing.T) {
	w := newWorld(t)
	create := func(in kms.CreateKeyInput) string {
		t.Helper()
		out, err := w.client.CreateKey(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		return *out.KeyMetadata.Arn
	}
	disabled := create(kms.CreateKeyInput{})
	if _, err := w.client.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &disabled}); err != nil {
		t.Fatal(err)
	}
	doomed := create(kms.CreateKeyInput{})
	if _, err := w.client.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &doomed, PendingWindowInDays: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	for arn, words := range map[string][]string{
		disabled: {"is disabled", "enable-key"},
		doomed:   {"will be deleted on 2", "cancel-key-deletion"},
		create(kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeEncryptDecrypt}):    {"RSA_2048", "SYMMETRIC_DEFAULT"},
		create(kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}): {"HMAC_256", "SYMMETRIC_DEFAULT"},
	} {
		_, err := w.store().SetKMSKey(t.Context(), arn)
		w.refused(err, keystore.ErrConfiguration, append(words, arn)...)
	}
	_, err := w.store().SetKMSKey(t.Context(), "alias/nowhere")
	w.refused(err, keycache.ErrFinal, "alias/nowhere", "does not know")
	w.faults.Fail("DescribeKey", 1, kmsfault.AccessDenied)
	_, err = w.store().SetKMSKey(t.Context(), alias)
	w.refused(err, keycache.ErrFinal, "IAM policy")
	if n := one[int](w, `SELECT count(kms_key_id) FROM pgseal.installation`); n != 0 {
		t.Error("a key that cannot serve was stored")
	}
}

func TestAForeignAccountIsNamed(t *testing.T) {
	w := newWorld(t)
	t.Setenv("AWS_ACCOUNT_ID", "111122223333")
	client, err := keystore.NewKMS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	if k, err := w.store().Check(t.Context()); err != nil || !k.Foreign || k.Account != "000000000000" {
		t.Errorf("got %+v, %v", k, err)
	}
}

func TestWithoutARegionTheClientSaysSo(t *testing.T) {
	w := newWorld(t)
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	_, err := keystore.NewKMS(t.Context())
	w.refused(err, keystore.ErrConfiguration, "AWS_REGION")
}

func TestKeysAreListedTableByTable(t *testing.T) {
	w := newWorld(t)
	w.provision("users")
	w.provision("orders")
	if _, err := w.store().Rotate(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	w.exec(`DROP TABLE orders`)
	keys, err := w.store().Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range keys {
		got = append(got, k.Table+" "+k.Purpose+" "+k.State)
	}
	if s := strings.Join(got, ", "); s != "public.orders seal active, public.orders index active, "+
		"public.users seal open-only, public.users seal active, public.users index active" {
		t.Errorf("got %s", s)
	}
	if _, err := w.storeOn(w.connect("reader"), keystore.Options{}).Keys(t.Context()); !errors.Is(err, keycache.ErrFinal) {
		t.Errorf("got %v", err)
	}
}
