package keystore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
)

var key32 = []byte("0123456789abcdef\xff\xfe\xfd\xfc>>??>>??abcd")

func TestTheKeyIsTakenOutOfTheAnswer(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(key32)
	escaped := bytes.ReplaceAll([]byte(text), []byte("/"), []byte(`\/`))
	escaped = bytes.ReplaceAll(escaped, []byte("="), []byte(`\u003d`))
	escaped = bytes.ReplaceAll(escaped, []byte("+"), []byte(`\u002B`))
	for _, body := range []string{
		`{"KeyId":"arn","Plaintext":"` + text + `","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`,
		` { "Plaintext" : "` + text + `" , "KeyId" : "arn" } `,
		`{"Plaintext":"` + string(escaped) + `","KeyId":"arn"}`,
		`{"Other":{"Plaintext":"AAAA","KeyId":"x"},"List":["Plaintext",{"KeyId":"y"}],"a\"b":"Plaintext","KeyId":"arn","Plaintext":"` + text + `"}`,
	} {
		key, rest, err := takeKey([]byte(body))
		if err != nil || !bytes.Equal(key, key32) {
			t.Errorf("%s: got %x, %v", body, key, err)
		}
		if string(rest) != `{"KeyId":"arn"}` {
			t.Errorf("%s: the rest is %s", body, rest)
		}
	}
}

func TestAnAnswerWithoutAKeyIsAnError(t *testing.T) {
	for _, body := range []string{
		``, `{`, `[]`, `null`, `"Plaintext"`, `{}`, `{"KeyId":"arn"}`,
		`{"Plaintext":null}`, `{"Plaintext":""}`, `{"Plaintext":5}`, `{"Plaintext":"A"}`, `{"Plaintext":"====","KeyId":"arn"}`,
		`{"Plaintext":"AAAA\n\"","KeyId":"arn"}`, `["Plaintext","AAAA"]`, `{"a":{"Plaintext":"AAAA"}}`,
		`<html>`,
	} {
		if key, rest, err := takeKey([]byte(body)); err == nil || key != nil || rest != nil {
			t.Errorf("%s: got %x, %s, %v", body, key, rest, err)
		}
	}
}

// Whatever a server answers: no panic, and never another key than the one that
// encoding/json finds.
func FuzzTakeKey(f *testing.F) {
	f.Add([]byte(`{"KeyId":"arn","Plaintext":"QUJD"}`))
	f.Add([]byte(`{"Plaintext":"\u0041\/\u003d\u003D","KeyId":"\\\""}`))
	f.Add([]byte(`{"a":[{"Plaintext":"x"}],"Plaintext":"QQ=="}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var want map[string]any
		whole := json.Unmarshal(body, &want) == nil
		key, rest, err := takeKey(bytes.Clone(body))
		if err != nil {
			return
		}
		if !whole {
			t.Fatalf("%q is no JSON object", body)
		}
		if rest != nil && !json.Valid(rest) {
			t.Fatalf("%q: the rest %q is no JSON", body, rest)
		}
		if bytes.Count(body, []byte("Plaintext")) > 1 || bytes.Contains(body, []byte(`\u00`)) && bytes.Contains(body, []byte("laintext")) {
			return // members of the same name: encoding/json takes the last
		}
		text, ok := want["Plaintext"].(string)
		if !ok {
			t.Fatalf("%q has no string", body)
		}
		if other, err := base64.StdEncoding.DecodeString(text); err != nil || !bytes.Equal(other, key) {
			t.Fatalf("%q: got %x, want %x (%v)", body, key, other, err)
		}
	})
}
