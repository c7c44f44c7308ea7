package kmsdev

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "TrentService."
	// maxBodySize bounds a request. The largest legitimate ones carry a blob,
	// two encryption contexts and ten grant tokens: some 200 KiB.
	maxBodySize = 1 << 20
)

// call is one request on its way through an operation.
type call struct {
	// state is what the operation sees; operations that change something take
	// the state that store.update hands them instead.
	state *state
	// keyID is the id of the key concerned, for the log; empty as long as no
	// key was found. It is never what the client sent as it stands.
	keyID string
}

// operation answers one operation of the protocol. A nil answer means an empty
// body.
type operation func(s *Server, c *call, body []byte) (any, error)

// op adapts a function over the operation's own input type.
func op[In any](f func(*Server, *call, *In) (any, error)) operation {
	return func(s *Server, c *call, body []byte) (any, error) {
		var in In
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		return f(s, c, &in)
	}
}

var operations = map[string]operation{
	"CreateKey":           op((*Server).createKey),
	"DescribeKey":         op((*Server).describeKey),
	"ListKeys":            op((*Server).listKeys),
	"EnableKey":           op((*Server).enableKey),
	"DisableKey":          op((*Server).disableKey),
	"ScheduleKeyDeletion": op((*Server).scheduleKeyDeletion),
	"CancelKeyDeletion":   op((*Server).cancelKeyDeletion),
	"GetPublicKey":        op((*Server).getPublicKey),

	"CreateAlias": op((*Server).createAlias),
	"UpdateAlias": op((*Server).updateAlias),
	"DeleteAlias": op((*Server).deleteAlias),
	"ListAliases": op((*Server).listAliases),

	"Encrypt":   op((*Server).encrypt),
	"Decrypt":   op((*Server).decrypt),
	"ReEncrypt": op((*Server).reEncrypt),

	"GenerateDataKey":                     op((*Server).generateDataKey),
	"GenerateDataKeyWithoutPlaintext":     op((*Server).generateDataKeyWithoutPlaintext),
	"GenerateDataKeyPair":                 op((*Server).generateDataKeyPair),
	"GenerateDataKeyPairWithoutPlaintext": op((*Server).generateDataKeyPairWithoutPlaintext),
	"GenerateRandom":                      op((*Server).generateRandom),

	"GenerateMac": op((*Server).generateMac),
	"VerifyMac":   op((*Server).verifyMac),
}

// Handler returns the KMS protocol on POST / and 200 on GET /healthz.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			io.WriteString(w, "ok\n")
			return
		}
		name, f := targetOf(r)
		c := &call{}
		answer, err := s.answer(w, r, f, c)
		outcome := "ok"
		if err != nil {
			e := s.exceptionFor(name, err)
			outcome = e.code
			writeException(w, e)
		} else {
			writeAnswer(w, answer)
		}
		s.log.Debug("kms request", "op", name, "key_id", c.keyID, "outcome", outcome)
	})
}

// targetOf returns the requested operation, or "unknown" and nil: what a client
// made up is not for the log.
func targetOf(r *http.Request) (string, operation) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if f := operations[name]; ok && f != nil {
		return name, f
	}
	return "unknown", nil
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, f operation, c *call) (any, error) {
	if r.URL.Path != "/" || r.Method != http.MethodPost {
		e := refuse("UnknownOperationException", "The KMS protocol is POST / and nothing else; GET /healthz tells that the server is up.")
		e.status = http.StatusNotFound
		return nil, e
	}
	// A form that a browser could send from a foreign page has another type.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != contentType {
		return nil, refuse("UnknownOperationException", "Content-Type must be %s.", contentType)
	}
	if err := checkSignature(r.Header); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, refuse("UnknownOperationException", "kms-dev does not have the operation that X-Amz-Target names.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodySize))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		e := refuse("RequestEntityTooLargeException", "The request body exceeds %d bytes.", tooLarge.Limit)
		e.status = http.StatusRequestEntityTooLarge
		return nil, e
	}
	if err != nil {
		return nil, malformed("The request body could not be read.")
	}
	c.state = s.store.snapshot()
	return f(s, c, body)
}

func malformed(format string, args ...any) error {
	return refuse("SerializationException", format, args...)
}

// decode reads one JSON object into in. Members that it does not know are
// ignored, as KMS does for clients newer than itself.
func decode(body []byte, in any) error {
	// The JSON decoder would put U+FFFD for invalid bytes, and two different
	// encryption contexts could become one.
	if !utf8.Valid(body) {
		return malformed("The request body is not valid UTF-8.")
	}
	err := json.Unmarshal(body, in)
	if errors.Is(err, errContextShape) || errors.Is(err, errContextDuplicate) {
		return invalid("Invalid encryption context: %v.", err)
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return malformed("The request body has a member of the wrong type: %s.", mismatch.Field)
	}
	if err != nil {
		return malformed("The request body is not the JSON object of this operation.")
	}
	return nil
}

// exceptionFor turns any error into one of the protocol. What is not one
// already is this server's own failure, and the log says what it was.
func (s *Server) exceptionFor(name string, err error) *exception {
	var e *exception
	if errors.As(err, &e) {
		return e
	}
	s.log.Error("kms-dev failed", "op", name, "error", err)
	return internal()
}

func writeException(w http.ResponseWriter, e *exception) {
	w.Header().Set("X-Amzn-ErrorType", e.code)
	writeJSON(w, e.status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{e.code, e.message})
}

func writeAnswer(w http.ResponseWriter, answer any) {
	if answer == nil {
		setCommonHeaders(w)
		w.WriteHeader(http.StatusOK)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	setCommonHeaders(w)
	w.WriteHeader(status)
	// Every type answered with marshals; what remains is a client that left.
	_ = json.NewEncoder(w).Encode(v)
}

func setCommonHeaders(w http.ResponseWriter) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store") // answers carry plaintext keys
	w.Header().Set("X-Amzn-RequestId", newUUID())
}
