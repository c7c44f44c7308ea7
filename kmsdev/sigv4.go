package kmsdev

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

const sigV4Algorithm = "AWS4-HMAC-SHA256"

// checkSignature demands a well-formed SigV4 Authorization header, so that a
// client without credentials fails here as it would fail at AWS. The signature
// itself is not verified: the server knows no secret keys. No part of the
// header is repeated in an error.
func checkSignature(h http.Header) error {
	auth := h.Get("Authorization")
	if auth == "" {
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	algorithm, rest, _ := strings.Cut(auth, " ")
	if algorithm != sigV4Algorithm {
		return refuse("IncompleteSignatureException", "Authorization must use %s.", sigV4Algorithm)
	}
	params := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, again := params[name]; !ok || again {
			return refuse("IncompleteSignatureException", "Authorization header is not a list of distinct name=value pairs.")
		}
		params[name] = value
	}
	if err := checkCredential(params["Credential"]); err != nil {
		return err
	}
	if !slices.Contains(strings.Split(params["SignedHeaders"], ";"), "host") {
		return refuse("IncompleteSignatureException", "Authorization header requires 'SignedHeaders', and 'host' among them.")
	}
	if sig, err := hex.DecodeString(params["Signature"]); err != nil || len(sig) != 32 {
		return refuse("IncompleteSignatureException", "Authorization header requires 'Signature', 64 hexadecimal digits.")
	}
	if h.Get("X-Amz-Date") == "" && h.Get("Date") == "" {
		return refuse("IncompleteSignatureException", "A signed request requires an 'X-Amz-Date' or 'Date' header.")
	}
	return nil
}

// checkCredential wants `AKID/YYYYMMDD/region/kms/aws4_request`. Any region
// will do: a client configured for another one is still meant for this server.
func checkCredential(credential string) error {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || slices.Contains(scope, "") || scope[3] != "kms" || scope[4] != "aws4_request" {
		return refuse("IncompleteSignatureException",
			"Authorization header requires 'Credential' in the form access-key-id/date/region/kms/aws4_request.")
	}
	return nil
}
