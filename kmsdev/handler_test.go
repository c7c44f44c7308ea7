package kmsdev

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const wellFormed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/kms/aws4_request, " +
	"SignedHeaders=content-length;host;x-amz-date;x-amz-target, " +
	"Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func testServer(t testing.TB) *Server {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "kms.json"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// request is a request that passes all checks before the operation's own.
func request(op, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", targetPrefix+op)
	r.Header.Set("X-Amz-Date", "20260101T000000Z")
	r.Header.Set("Authorization", wellFormed)
	return r
}

func do(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// checkError wants an error of the protocol and returns its code.
func checkError(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	if len(body) != 2 || body["__type"] == "" || body["message"] == "" || body["__type"] != w.Header().Get("X-Amzn-ErrorType") ||
		w.Header().Get("X-Amzn-RequestId") == "" || w.Header().Get("Content-Type") != contentType || w.Code < 400 {
		t.Fatalf("status %d, headers %v, body %q", w.Code, w.Header(), w.Body)
	}
	return body["__type"]
}

func TestRequestsThatAreNotTheProtocol(t *testing.T) {
	s := testServer(t)
	cases := []struct {
		name, code string
		status     int
		change     func(r *http.Request)
	}{
		{"other method", "UnknownOperationException", 404, func(r *http.Request) { r.Method = http.MethodPut }},
		{"other path", "UnknownOperationException", 404, func(r *http.Request) { r.URL.Path = "/keys" }},
		{"POST to the health check", "UnknownOperationException", 404, func(r *http.Request) { r.URL.Path = "/healthz" }},
		{"a browser's form", "UnknownOperationException", 400, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		{"no content type", "UnknownOperationException", 400, func(r *http.Request) { r.Header.Del("Content-Type") }},
		{"unknown operation", "UnknownOperationException", 400, func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.Sign") }},
		{"other service", "UnknownOperationException", 400, func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListKeys") }},
		{"no target", "UnknownOperationException", 400, func(r *http.Request) { r.Header.Del("X-Amz-Target") }},
		{"no signature", "MissingAuthenticationTokenException", 400, func(r *http.Request) { r.Header.Del("Authorization") }},
	}
	for name, auth := range map[string]string{
		"basic":                 "Basic dXNlcjpwYXNz",
		"algorithm only":        "AWS4-HMAC-SHA256",
		"no credential":         strings.Replace(wellFormed, "Credential=", "Cred=", 1),
		"short scope":           strings.Replace(wellFormed, "/kms/aws4_request", "/kms", 1),
		"empty access key":      strings.Replace(wellFormed, "AKIDEXAMPLE", "", 1),
		"other service's scope": strings.Replace(wellFormed, "/kms/", "/s3/", 1),
		"host not signed":       strings.Replace(wellFormed, ";host;", ";", 1),
		"short signature":       strings.TrimSuffix(wellFormed, "ef"),
		"signature not hex":     strings.Replace(wellFormed, "Signature=01", "Signature=xy", 1),
		"repeated parameter":    wellFormed + ", Signature=00",
		"no pair":               wellFormed + ", nonsense",
	} {
		cases = append(cases, struct {
			name, code string
			status     int
			change     func(r *http.Request)
		}{"authorization: " + name, "IncompleteSignatureException", 400, func(r *http.Request) { r.Header.Set("Authorization", auth) }})
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := request("ListKeys", "{}")
			tc.change(r)
			w := do(s, r)
			if code := checkError(t, w); code != tc.code || w.Code != tc.status {
				t.Errorf("got %s, %d; want %s, %d", code, w.Code, tc.code, tc.status)
			}
		})
	}
	r := request("ListKeys", "{}")
	r.Header.Del("X-Amz-Date")
	if code := checkError(t, do(s, r)); code != "IncompleteSignatureException" {
		t.Errorf("no date: %s", code)
	}
}

func TestBodiesThatAreNotTheOperationsInput(t *testing.T) {
	s := testServer(t)
	arn, err := s.EnsureAlias("alias/a")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ op, body, code string }{
		"empty":                           {"ListKeys", ``, "SerializationException"},
		"cut off":                         {"ListKeys", `{"Limit":`, "SerializationException"},
		"array":                           {"ListKeys", `[]`, "SerializationException"},
		"two documents":                   {"ListKeys", `{}{}`, "SerializationException"},
		"number as a string":              {"ListKeys", `{"Limit":"1"}`, "SerializationException"},
		"fraction":                        {"ListKeys", `{"Limit":1.5}`, "SerializationException"},
		"number out of range":             {"ListKeys", `{"Limit":4294967296}`, "SerializationException"},
		"not UTF-8":                       {"DescribeKey", "{\"KeyId\":\"\xff\"}", "SerializationException"},
		"not base64":                      {"Decrypt", `{"CiphertextBlob":"?"}`, "SerializationException"},
		"no key id":                       {"DescribeKey", `{}`, "ValidationException"},
		"null key id":                     {"DescribeKey", `{"KeyId":null}`, "ValidationException"},
		"unheard-of spec by its old name": {"CreateKey", `{"CustomerMasterKeySpec":"ROT_13"}`, "ValidationException"},
		"both names of the spec":          {"CreateKey", `{"CustomerMasterKeySpec":"SYMMETRIC_DEFAULT","KeySpec":"SYMMETRIC_DEFAULT"}`, "ValidationException"},
		"no alias name":                   {"CreateAlias", `{"TargetKeyId":"x"}`, "ValidationException"},
		"no target":                       {"CreateAlias", `{"AliasName":"alias/b"}`, "ValidationException"},
		"no pair spec":                    {"GenerateDataKeyPair", `{"KeyId":"alias/a"}`, "ValidationException"},
		"no MAC algorithm":                {"GenerateMac", `{"KeyId":"alias/a","Message":"eA=="}`, "ValidationException"},
		"no MAC":                          {"VerifyMac", `{"KeyId":"alias/a","Message":"eA==","MacAlgorithm":"HMAC_SHA_256"}`, "ValidationException"},
		"context is a list":               {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":[]}`, "ValidationException"},
		"context value is a number":       {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":1}}`, "ValidationException"},
		"context value is null":           {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":null}}`, "ValidationException"},
		"context value is nested":         {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":{"b":"c"}}}`, "ValidationException"},
		"context key twice":               {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":"1","a":"2"}}`, "ValidationException"},
		"context key twice, escaped":      {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":"1","\u0061":"2"}}`, "ValidationException"},
		"lone surrogate":                  {"Encrypt", `{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":"\ud800"}}`, "ValidationException"},
		"too large":                       {"ListKeys", `{"Marker":"` + strings.Repeat("a", maxBodySize) + `"}`, "RequestEntityTooLargeException"},
	} {
		t.Run(name, func(t *testing.T) {
			if code := checkError(t, do(s, request(tc.op, tc.body))); code != tc.code {
				t.Errorf("got %s, want %s", code, tc.code)
			}
		})
	}
	for _, body := range []string{
		`{"KeyId":"` + arn + `","Plaintext":"eA==","EncryptionContext":null,"Recipient":null,"FromTheFuture":[{}]}`,
		`{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{}}`,
	} {
		if w := do(s, request("Encrypt", body)); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// The SDK would drop a plaintext that it does not expect, so this looks at the
// bytes on the wire.
func TestWithoutPlaintextMeansThatNoneLeavesTheServer(t *testing.T) {
	s := testServer(t)
	if _, err := s.EnsureAlias("alias/a"); err != nil {
		t.Fatal(err)
	}
	for op, tc := range map[string]struct{ body, secret string }{
		"GenerateDataKey":     {`{"KeyId":"alias/a","KeySpec":"AES_256"}`, "Plaintext"},
		"GenerateDataKeyPair": {`{"KeyId":"alias/a","KeyPairSpec":"ECC_NIST_P256"}`, "PrivateKeyPlaintext"},
	} {
		with := members(t, do(s, request(op, tc.body)))
		without := members(t, do(s, request(op+"WithoutPlaintext", tc.body)))
		if !slices.Contains(with, tc.secret) {
			t.Errorf("%s answers %v", op, with)
		}
		want := slices.DeleteFunc(with, func(m string) bool { return m == tc.secret })
		if !slices.Equal(without, want) {
			t.Errorf("%sWithoutPlaintext answers %v, want %v", op, without, want)
		}
	}
}

// members returns the names of the members of a successful answer.
func members(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v", w.Code, err)
	}
	return slices.Sorted(maps.Keys(body))
}

func TestHealthCheckNeedsNoSignature(t *testing.T) {
	s := testServer(t)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		if w := do(s, httptest.NewRequest(method, "/healthz", nil)); w.Code != http.StatusOK {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

func TestDeletedKeysAreGoneWhenTheWaitingPeriodIsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	now := time.Now()
	st, err := openStore(path, "", "", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{store: st, names: st.names, log: slog.New(slog.DiscardHandler)}
	doomed, err := s.EnsureAlias("alias/doomed")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.EnsureAlias("alias/kept")
	if err != nil {
		t.Fatal(err)
	}
	sealed := do(s, request("Encrypt", `{"KeyId":"alias/doomed","Plaintext":"eA=="}`))
	var answer encryptAnswer
	if err := json.Unmarshal(sealed.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	blob, err := json.Marshal(answer.CiphertextBlob)
	if err != nil {
		t.Fatal(err)
	}
	if w := do(s, request("ScheduleKeyDeletion", `{"KeyId":"`+doomed+`","PendingWindowInDays":7}`)); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	describe := func(ref string) int { return do(s, request("DescribeKey", `{"KeyId":"`+ref+`"}`)).Code }

	now = now.Add(7*24*time.Hour - time.Second)
	if describe(doomed) != http.StatusOK || describe("alias/doomed") != http.StatusOK {
		t.Error("gone before its time")
	}
	now = now.Add(2 * time.Second)
	if describe(doomed) == http.StatusOK || describe("alias/doomed") == http.StatusOK {
		t.Error("still there")
	}
	if describe(kept) != http.StatusOK || describe("alias/kept") != http.StatusOK {
		t.Error("another key went with it")
	}
	if code := checkError(t, do(s, request("Decrypt", `{"CiphertextBlob":`+string(blob)+`}`))); code != "InvalidCiphertextException" {
		t.Errorf("its blobs: %s", code)
	}
	if again, err := s.EnsureAlias("alias/doomed"); err != nil || again == doomed {
		t.Errorf("the alias is not free again: %s, %v", again, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheMaterialOfDeletedKeysLeavesTheFileAtTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.json")
	now := time.Now()
	clock := func() time.Time { return now }
	st, err := openStore(path, "", "", clock)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{store: st, names: st.names, log: slog.New(slog.DiscardHandler)}
	doomed, err := s.EnsureAlias("alias/doomed")
	if err != nil {
		t.Fatal(err)
	}
	do(s, request("ScheduleKeyDeletion", `{"KeyId":"`+doomed+`"}`))
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 31)
	if st, err = openStore(path, "", "", clock); err != nil {
		t.Fatal(err)
	}
	defer st.close()
	doc, err := readPrivate(path)
	if err != nil || bytes.Contains(doc, []byte(`"material"`)) {
		t.Errorf("the file still holds a key: %v", err)
	}
}

// FuzzHandler sends any body to every operation: whatever comes is a JSON
// answer of the protocol.
func FuzzHandler(f *testing.F) {
	s := testServer(f)
	if _, err := s.EnsureAlias("alias/a"); err != nil {
		f.Fatal(err)
	}
	// Operations that make keys would fill the store in the course of fuzzing,
	// and RSA is slow; their inputs are fuzzed as those of their neighbours.
	names := slices.Sorted(maps.Keys(operations))
	names = slices.DeleteFunc(names, func(op string) bool { return op == "CreateKey" || strings.HasPrefix(op, "GenerateDataKeyPair") })
	for i := range names {
		f.Add(uint8(i), wellFormed, []byte(`{"KeyId":"alias/a","Plaintext":"eA==","EncryptionContext":{"a":"b"},"GrantTokens":["t"],"DryRun":true}`))
		f.Add(uint8(i), wellFormed, []byte(`{"KeyId":"arn:aws:kms:us-east-1:000000000000:alias/a","KeySpec":"AES_256","NumberOfBytes":32,"Recipient":{}}`))
		f.Add(uint8(i), wellFormed, []byte(`{"AliasName":"alias/b","TargetKeyId":"x","Limit":1,"Marker":"YWZ0ZXI6"}`))
		f.Add(uint8(i), wellFormed, []byte(`{"CiphertextBlob":"a21kAQ==","DryRunModifiers":["IGNORE_CIPHERTEXT"],"DestinationKeyId":"alias/a"}`))
	}
	f.Add(uint8(0), "AWS4-HMAC-SHA256 Credential=,,=", []byte(`null`))
	f.Fuzz(func(t *testing.T, op uint8, auth string, body []byte) {
		r := request(names[int(op)%len(names)], "")
		r.Header.Set("Authorization", auth)
		r.Body = http.NoBody
		if len(body) > 0 {
			r = request(names[int(op)%len(names)], string(body))
			r.Header.Set("Authorization", auth)
		}
		w := do(s, r)
		if w.Code != http.StatusOK {
			checkError(t, w)
			if w.Code >= 500 {
				t.Fatalf("a request made the server fail: %s", w.Body)
			}
			return
		}
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("not JSON: %q", w.Body)
		}
	})
}
