package kmsdev

import (
	"fmt"
	"net/http"
)

// exception is an error of the protocol: the client sees its code, its message
// and its status. The message may repeat what the client sent, so it goes to
// the client only; logs carry the code.
type exception struct {
	code    string
	message string
	status  int
}

func (e *exception) Error() string { return e.code + ": " + e.message }

func refuse(code, format string, args ...any) *exception {
	return &exception{code: code, message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

func invalid(format string, args ...any) *exception {
	return refuse("ValidationException", format, args...)
}

func notFound(format string, args ...any) *exception {
	return refuse("NotFoundException", format, args...)
}

func unsupported(format string, args ...any) *exception {
	return refuse("UnsupportedOperationException", format, args...)
}

// invalidCiphertext says the same for every cause, like KMS: what exactly is
// wrong with a blob is nothing that its bearer should learn.
func invalidCiphertext() *exception {
	return refuse("InvalidCiphertextException",
		"The ciphertext or the encryption context is not the one that this KMS produced under this key.")
}

func dryRun() *exception {
	return refuse("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

// internal is for what went wrong on this side; its cause goes to the log.
func internal() *exception {
	return &exception{
		code:    "KMSInternalException",
		message: "The request failed inside kms-dev; its log says why.",
		status:  http.StatusInternalServerError,
	}
}
