package keystore_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgseal/keycache"
	"pgseal/keystore"
)

// What is not a KMS, or not ours, gives no key and no panic.
func TestAnswersThatAreNotOfKMS(t *testing.T) {
	const plaintext = `"Plaintext":"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="`
	w := newWorld(t)
	id := w.provision("users").Seal.ID
	for name, c := range map[string]struct {
		status int
		body   string
		kind   error
	}{
		"a web page":                 {200, "<html>welcome</html>", keycache.ErrTemporary},
		"nothing":                    {200, "", keycache.ErrTemporary},
		"no key":                     {200, `{"KeyId":"` + w.arn + `"}`, keycache.ErrTemporary},
		"a key cut off":              {200, `{"KeyId":"` + w.arn + `","Plaintext":"QUFB`, keycache.ErrTemporary},
		"too much":                   {200, `{"KeyId":"` + strings.Repeat("x", 100_000) + `",` + plaintext + `}`, keycache.ErrTemporary},
		"another KMS key":            {200, `{"KeyId":"arn:aws:kms:eu-west-1:000000000000:key/other",` + plaintext + `}`, keystore.ErrTampered},
		"no KMS key":                 {200, `{` + plaintext + `}`, keystore.ErrTampered},
		"a key of another size":      {200, `{"KeyId":"` + w.arn + `","Plaintext":"QUFB"}`, keystore.ErrTampered},
		"a web page of a gateway":    {502, "<html>bad gateway</html>", keycache.ErrTemporary},
		"an error cut off":           {400, `{"__type":"Disabled`, keycache.ErrTemporary},
		"an error without exception": {403, `{"message":"Forbidden"}`, keycache.ErrFinal},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(c.status)
				_, _ = rw.Write([]byte(c.body)) // the client may leave before the end
			}))
			defer web.Close()
			t.Setenv("AWS_ENDPOINT_URL_KMS", web.URL)
			client, err := keystore.NewKMS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s, err := keystore.New(w.db, client, keystore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = unwrap(t.Context(), s, id)
			if !errors.Is(err, c.kind) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "QUFB") {
				t.Errorf("the error shows the answer: %v", err)
			}
		})
	}
	if one[bool](w, `SELECT checked FROM pgseal.keys WHERE key_id = $1`, id) {
		t.Error("a check value was recorded")
	}
}
