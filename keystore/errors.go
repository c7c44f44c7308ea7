package keystore

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/keycache"
)

var (
	// ErrTampered: a row of the key table and its blob do not belong together.
	ErrTampered = errors.New("key row does not match its key")
	// ErrUnusable: the key was retired or destroyed, or is of no use here.
	ErrUnusable = errors.New("data key is not in use")
	// ErrUnknownKey: there is no such row. On a standby it may be on its way.
	ErrUnknownKey = errors.New("no such data key")
	// ErrConfiguration: the KMS key or the AWS settings cannot work.
	ErrConfiguration = errors.New("KMS configuration")
	// ErrConcurrentRotation: another rotation of the same table won.
	ErrConcurrentRotation = errors.New("the data key is being rotated by someone else")
)

// Error is a failure with what to do about it. What kind it is, errors.Is tells:
// [keycache.ErrTemporary] or [keycache.ErrFinal], and the kinds of this package.
// No text holds a byte of a key or of a blob.
type Error struct {
	message, hint string
	kinds         []error
	cause         error
}

func (e *Error) Error() string {
	if e.cause == nil {
		return e.message
	}
	return e.message + ": " + e.cause.Error()
}

// Hint says what a DBA can do; it may be empty.
func (e *Error) Hint() string { return e.hint }

// Unwrap gives the kinds and the cause.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return e.kinds
	}
	return append(e.kinds[:len(e.kinds):len(e.kinds)], e.cause)
}

// verdict is what an exception of KMS means for a data key.
type verdict struct {
	kinds        []error
	says, remedy string
}

var (
	temporary = []error{keycache.ErrTemporary}
	final     = []error{keycache.ErrFinal}
	tampered  = []error{keycache.ErrFinal, ErrTampered}
	misused   = []error{keycache.ErrFinal, ErrConfiguration}

	notAllowed = verdict{final, "KMS does not allow the use of the KMS key",
		"Check the IAM policy, key policy and grants of the identity that pgseal runs as."}
	notIdentified = verdict{final, "KMS does not accept the AWS credentials",
		"Check the credentials that pgseal runs with: they may be wrong, expired or for another region."}
	busy = verdict{temporary, "KMS is busy", "It is tried again by itself; if it lasts, ask for a higher KMS request quota."}
	away = verdict{temporary, "KMS is not available for the moment", "It is tried again by itself."}
	odd  = verdict{misused, "the KMS key cannot be used for this", "pgseal needs a symmetric encryption key: KeySpec SYMMETRIC_DEFAULT, KeyUsage ENCRYPT_DECRYPT."}
)

// verdicts says it for each exception, by the code that the protocol gives it.
var verdicts = map[string]verdict{
	"DependencyTimeoutException": away,
	"KeyUnavailableException":    away,
	"KMSInternalException":       away,
	"InternalFailure":            away,
	"InternalServerError":        away,
	"ServiceUnavailable":         away,
	"ThrottlingException":        busy,
	"Throttling":                 busy,
	"TooManyRequestsException":   busy,
	"LimitExceededException":     busy,
	"RequestLimitExceeded":       busy,

	"DisabledException": {final, "the KMS key is disabled",
		"Enable the KMS key (aws kms enable-key) to use the data again."},
	"KMSInvalidStateException": {final, "the KMS key is in a state in which it cannot be used",
		"See its KeyState (aws kms describe-key): a key that is pending deletion can be saved with aws kms cancel-key-deletion."},
	"NotFoundException": {final, "KMS does not know the KMS key",
		"Check the key's id, region and account. A KMS key that has been deleted takes all data under it along."},
	"AccessDeniedException":      notAllowed,
	"InvalidGrantTokenException": notAllowed,
	"NotAuthorized":              notAllowed,

	"UnrecognizedClientException":    notIdentified,
	"InvalidClientTokenId":           notIdentified,
	"InvalidSignatureException":      notIdentified,
	"SignatureDoesNotMatch":          notIdentified,
	"IncompleteSignature":            notIdentified,
	"MissingAuthenticationToken":     notIdentified,
	"MissingAuthenticationException": notIdentified,
	"ExpiredTokenException":          notIdentified,

	"InvalidCiphertextException": {tampered, "KMS refuses the wrapped key: the row was changed, or belongs elsewhere",
		"Restore this row of pgseal.data_key from a backup; see pgseal verify."},
	"IncorrectKeyException": {tampered, "the wrapped key is not of the KMS key that the row names",
		"Restore this row of pgseal.data_key from a backup; see pgseal verify."},

	"InvalidKeyUsageException":       odd,
	"UnsupportedOperationException":  odd,
	"ValidationException":            odd,
	"InvalidArnException":            odd,
	"InvalidAliasNameException":      odd,
	"SerializationException":         odd,
	"UnknownOperationException":      odd,
	"DryRunOperationException":       odd,
	"InvalidParameterException":      odd,
	"InvalidParameterValueException": odd,
}

// kmsError tells what a failed call of KMS means. what names the key row or the
// KMS key concerned.
func kmsError(ctx context.Context, what string, err error) error {
	v := judge(err)
	if ctx.Err() != nil {
		v = verdict{temporary, "KMS did not answer in time", "It is tried again by itself."}
	}
	return &Error{message: what + ": " + v.says, hint: v.remedy, kinds: v.kinds, cause: err}
}

func judge(err error) verdict {
	api, ok := errors.AsType[smithy.APIError](err)
	if ok {
		if v, ok := verdicts[api.ErrorCode()]; ok {
			return v
		}
	}
	// A status without an exception comes from something in between, as a load
	// balancer; no status at all, from the network or the SDK's credentials.
	response, answered := errors.AsType[*smithyhttp.ResponseError](err)
	answered = answered && response.HTTPStatusCode() != 0
	_, unread := errors.AsType[*smithy.DeserializationError](err)
	switch {
	case answered && unread:
		return verdict{temporary, "the answer is not one of KMS, or was cut off",
			"Check that AWS_ENDPOINT_URL_KMS leads to a KMS; it is tried again by itself."}
	case answered && (response.HTTPStatusCode() >= 500 || response.HTTPStatusCode() == http.StatusTooManyRequests):
		return away
	case answered && response.HTTPStatusCode() >= 400:
		return verdict{final, "KMS, or something before it, refuses the request",
			"Check AWS_ENDPOINT_URL_KMS, the region and the proxies on the way."}
	case ok:
		return verdict{final, "KMS refuses the request", ""}
	}
	return verdict{temporary, "KMS cannot be reached",
		"Check the network, AWS_ENDPOINT_URL_KMS and the AWS credentials; it is tried again by itself."}
}

// databaseError tells what a failed statement on pgseal's tables means.
func databaseError(what string, err error) error {
	e := &Error{message: what, kinds: temporary, cause: err}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) != 5 {
		return e
	}
	const insufficientPrivilege = "42501"
	switch pg.Code[:2] {
	case "08", "40", "53", "55", "57", "58": // connection, conflict, resources, lock, intervention, system
	default:
		e.kinds = final
	}
	if pg.Code == insufficientPrivilege {
		e.hint = "The owner of schema pgseal allows a role to use it: SELECT pgseal.grant_proxy('the_role')"
	}
	return e
}

// notFound reports whether KMS does not know the KMS key, alias or grant.
func notFound(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (api.ErrorCode() == "NotFoundException" || api.ErrorCode() == "InvalidGrantTokenException")
}
