package keystore_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/jackc/pgx/v5/pgxpool"

	"pgseal/envelope/envelopetest"
	"pgseal/keycache"
	"pgseal/keystore"
)

const childVariable = "PGSEAL_KEYSTORE_TEST_CHILD"

// dsnVariable tells the child where the key table is.
const dsnVariable = "PGSEAL_KEYSTORE_TEST_DSN"

const base64Text = "data key in base64"

func init() {
	if os.Getenv(childVariable) != "" {
		unwrapInChild()
		os.Exit(0)
	}
}

// The process whose memory is searched.
func unwrapInChild() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	ctx := context.Background()
	db, err := pgxpool.New(ctx, os.Getenv(dsnVariable))
	must(err)
	client, err := keystore.NewKMS(ctx)
	must(err)
	s, err := keystore.New(db, client, keystore.Options{})
	must(err)
	key, err := s.Unwrap(ctx, keycache.ID{Key: 1})
	must(err)
	runtime.GC()
	envelopetest.Stage("opened")

	key.Erase()
	envelopetest.Stage("erased")

	var blob []byte
	var arn string
	var bound map[string]string
	must(db.QueryRow(ctx, `SELECT ciphertext_blob, kms_key_arn, encryption_context FROM pgseal.data_key WHERE key_id = 1`).Scan(&blob, &arn, &bound))
	out, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: &arn, EncryptionContext: bound})
	must(err)
	clear(out.Plaintext)
	envelopetest.Stage("by the SDK alone")
}

// needles are the data key of row 1 as KMS sends it and as the SDK decodes it.
func needles(t *testing.T, w *world) (needles envelopetest.Needles, material []byte) {
	t.Helper()
	out, err := w.client.Decrypt(t.Context(), &kms.DecryptInput{
		CiphertextBlob:    one[[]byte](w, `SELECT ciphertext_blob FROM pgseal.data_key WHERE key_id = 1`),
		EncryptionContext: one[map[string]string](w, `SELECT encryption_context FROM pgseal.data_key WHERE key_id = 1`),
	})
	if err != nil {
		t.Fatal(err)
	}
	needles = envelopetest.Needles{}
	for piece := range slices.Chunk(out.Plaintext, 16) {
		needles[envelopetest.Needle(piece)] = envelopetest.DataKey
	}
	text := base64.StdEncoding.EncodeToString(out.Plaintext)
	for i := range len(text) - 15 {
		needles[envelopetest.Needle([]byte(text[i:i+16]))] = base64Text
	}
	return needles, out.Plaintext
}

func TestAnUnwrappedKeyLeavesNothingInMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector maps more memory than can be searched")
	}
	t.Run("http", func(t *testing.T) {
		w := newWorld(t)
		w.provision("users")
		searchChild(t, w)
	})
	t.Run("https", func(t *testing.T) {
		w := newWorld(t)
		w.provision("users")
		web := httptest.NewTLSServer(w.faults)
		t.Cleanup(web.Close)
		authority := filepath.Join(t.TempDir(), "ca.pem")
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
		if err := os.WriteFile(authority, certificate, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CA_BUNDLE", authority)
		t.Setenv("AWS_ENDPOINT_URL_KMS", web.URL)
		searchChild(t, w)
	})
}

func searchChild(t *testing.T, w *world) {
	t.Helper()
	needles, material := needles(t, w)
	all, err := envelopetest.Of(material)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(dsnVariable, cluster.DSN(w.database, owner))
	child := envelopetest.Start(t, childVariable)
	child.Await("opened")
	child.ExpectNone(needles)
	child.ExpectSome(all, envelopetest.HMACState)
	child.Continue()
	child.Await("erased")
	child.ExpectNone(needles)
	child.ExpectNone(all)
	child.Continue()
	child.Await("by the SDK alone")
	child.ExpectSome(needles, base64Text)
	child.Continue()
}
