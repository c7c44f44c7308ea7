package kmsdev

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

const (
	maxGrantTokens    = 10
	maxGrantTokenSize = 8192

	modifierIgnoreCiphertext = "IGNORE_CIPHERTEXT"
)

// grantTokens are accepted when they have a token's form. There are no grants
// here, and every caller may do everything anyway.
type grantTokens []string

func (g grantTokens) validate() error {
	if len(g) > maxGrantTokens {
		return invalid("Value at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to %d.", maxGrantTokens)
	}
	for _, token := range g {
		if len(token) < 1 || len(token) > maxGrantTokenSize {
			return invalid("Value at 'grantTokens' failed to satisfy constraint: Member must have length between 1 and %d.", maxGrantTokenSize)
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return refuse("InvalidGrantTokenException", "A grant token consists of printable ASCII without spaces.")
		}
	}
	return nil
}

// recipient is a Recipient: an enclave's attestation document, which nobody can
// attest to here. Handing out the plaintext instead would be wrong.
type recipient json.RawMessage

func (r *recipient) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}

func (r recipient) validate() error {
	if len(r) > 0 && string(r) != "null" {
		return unsupported("kms-dev does not support Recipient: it cannot verify an attestation document. Leave it out, or use AWS KMS.")
	}
	return nil
}

// dryRunModifiers are the DryRunModifiers of Decrypt and ReEncrypt.
type dryRunModifiers []string

// ignoreCiphertext says whether only the keys are to be checked.
func (m dryRunModifiers) ignoreCiphertext(dryRun bool) (bool, error) {
	for _, modifier := range m {
		if modifier != modifierIgnoreCiphertext {
			return false, invalid("Value at 'dryRunModifiers' failed to satisfy constraint: Member must satisfy enum value set: [%s].", modifierIgnoreCiphertext)
		}
	}
	if len(m) > 0 && !dryRun {
		return false, invalid("DryRunModifiers is valid only when DryRun is true.")
	}
	return len(m) > 0, nil
}

// checkEnum accepts nil, which stands for the default.
func checkEnum(member string, value *string, allowed ...string) error {
	if value != nil && !slices.Contains(allowed, *value) {
		return invalid("Value at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s].", member, strings.Join(allowed, ", "))
	}
	return nil
}

func checkRange(member string, value *int32, low, high int32) error {
	if value != nil && (*value < low || *value > high) {
		return invalid("Value '%d' at '%s' failed to satisfy constraint: Member must be between %d and %d.", *value, member, low, high)
	}
	return nil
}

func checkSize(member string, value []byte, low, high int) error {
	if len(value) < low || len(value) > high {
		return invalid("Value at '%s' failed to satisfy constraint: Member must have length between %d and %d.", member, low, high)
	}
	return nil
}

// firstError runs checks in turn and returns the first failure.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func valueOr[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}

// epoch is a time as the protocol writes it: seconds since 1970, with a
// fraction.
type epoch time.Time

func (e epoch) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Time(e).UnixMilli()) / 1000)
}
