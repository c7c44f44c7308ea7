package proxy

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
)

const (
	scramSHA256     = "SCRAM-SHA-256"
	scramSHA256Plus = "SCRAM-SHA-256-PLUS"
)

// scramNonceLen is libpq's nonce size in bytes, before base64.
const scramNonceLen = 18

// maxScramIterations bounds the work a server can make us do. PostgreSQL's
// default is 4096.
const maxScramIterations = 10_000_000

var errScram = errors.New("malformed SCRAM message from server")

// scramLogin is the client's side of a SCRAM exchange (RFC 5802, RFC 7677),
// played towards the server with the password that the client gave. The user
// name stays empty, since PostgreSQL takes it from the startup packet.
type scramLogin struct {
	gs2       string // header of the first message; says whether the login is bound
	binding   []byte // what it is bound to; nil when it is not
	password  string // after SASLprep
	nonce     string
	firstBare string
	signature [sha256.Size]byte // what the server must answer with
}

// newScramLogin prepares a login. A binding makes it SCRAM-SHA-256-PLUS.
func newScramLogin(password string, binding []byte) *scramLogin {
	var raw [scramNonceLen]byte
	rand.Read(raw[:])
	s := &scramLogin{
		gs2:      "n,,",
		binding:  binding,
		password: password,
		nonce:    base64.StdEncoding.EncodeToString(raw[:]),
	}
	if binding != nil {
		s.gs2 = "p=tls-server-end-point,,"
	}
	s.firstBare = "n=,r=" + s.nonce
	return s
}

func (s *scramLogin) mechanism() string {
	if s.binding != nil {
		return scramSHA256Plus
	}
	return scramSHA256
}

// first is the client's first message.
func (s *scramLogin) first() string { return s.gs2 + s.firstBare }

// final answers the server's first message.
func (s *scramLogin) final(serverFirst []byte) (string, error) {
	nonce, salt, iterations, err := parseServerFirst(serverFirst)
	if err != nil {
		return "", err
	}
	if len(nonce) <= len(s.nonce) || nonce[:len(s.nonce)] != s.nonce {
		return "", errScram
	}
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	defer clear(salted)

	withoutProof := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.gs2), s.binding...)) + ",r=" + nonce
	message := s.firstBare + "," + string(serverFirst) + "," + withoutProof

	clientKey := mac(salted, "Client Key")
	defer clear(clientKey)
	storedKey := sha256.Sum256(clientKey)
	proof := mac(storedKey[:], message)
	subtle.XORBytes(proof, proof, clientKey)
	copy(s.signature[:], mac(mac(salted, "Server Key"), message))
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

// verify checks the server's final message: only a server that knows the
// password's verifier can have made it.
func (s *scramLogin) verify(serverFinal []byte) error {
	encoded, ok := bytes.CutPrefix(serverFinal, []byte("v="))
	if !ok {
		return errScram
	}
	got, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil || !hmac.Equal(got, s.signature[:]) {
		return errors.New("the server's SCRAM signature is wrong: it does not know the password's verifier")
	}
	return nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// parseServerFirst reads "r=nonce,s=salt,i=iterations".
func parseServerFirst(m []byte) (nonce string, salt []byte, iterations int, err error) {
	parts := bytes.Split(m, []byte{','})
	if len(parts) < 3 {
		return "", nil, 0, errScram
	}
	r, okR := bytes.CutPrefix(parts[0], []byte("r="))
	s, okS := bytes.CutPrefix(parts[1], []byte("s="))
	i, okI := bytes.CutPrefix(parts[2], []byte("i="))
	if !okR || !okS || !okI {
		return "", nil, 0, errScram
	}
	if salt, err = base64.StdEncoding.DecodeString(string(s)); err != nil || len(salt) == 0 {
		return "", nil, 0, errScram
	}
	iterations, err = strconv.Atoi(string(i))
	if err != nil || iterations <= 0 || iterations > maxScramIterations {
		return "", nil, 0, errScram
	}
	return string(r), salt, iterations, nil
}

// endpointBinding is the channel binding of type tls-server-end-point (RFC
// 5929): the server certificate's hash, by the hash of its signature, where MD5
// and SHA-1 count as SHA-256. Nil when the certificate's signature has no such
// hash; the server then offers no binding either.
func endpointBinding(conn *tls.Conn) []byte {
	certs := conn.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return nil
	}
	var h hash.Hash
	switch certs[0].SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, x509.DSAWithSHA256:
		h = sha256.New()
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		h = sha512.New384()
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		h = sha512.New()
	default:
		return nil
	}
	h.Write(certs[0].Raw)
	return h.Sum(nil)
}
