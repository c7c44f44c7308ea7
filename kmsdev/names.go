package kmsdev

import (
	"regexp"
	"strings"
)

const (
	aliasPrefix    = "alias/"
	reservedPrefix = "alias/aws/"
	maxAliasName   = 256
	maxKeyID       = 2048
)

var aliasPattern = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)

// names knows the account and region that this KMS stands for.
type names struct {
	region  string
	account string
}

func (n names) keyARN(id string) string { return n.arn("key/" + id) }

func (n names) aliasARN(name string) string { return n.arn(name) }

func (n names) arn(resource string) string {
	return "arn:aws:kms:" + n.region + ":" + n.account + ":" + resource
}

// resource reduces an ARN to its resource (`key/…` or `alias/…`) and returns
// anything else as it is. An ARN of another partition, region or account is not
// found here, as a KMS that this caller cannot reach would answer.
func (n names) resource(ref string) (string, error) {
	if !strings.HasPrefix(ref, "arn:") {
		return ref, nil
	}
	parts := strings.SplitN(ref, ":", 6)
	if len(parts) != 6 || parts[2] != "kms" ||
		!(strings.HasPrefix(parts[5], "key/") || strings.HasPrefix(parts[5], aliasPrefix)) {
		return "", refuse("InvalidArnException", "%q is not the ARN of a KMS key or alias.", ref)
	}
	if n.arn(parts[5]) != ref {
		return "", notFound("%q is in another partition, region or account than this KMS (%s, %s).", ref, n.region, n.account)
	}
	return parts[5], nil
}

// findKey resolves a key id, key ARN, alias name or alias ARN.
func (n names) findKey(st *state, ref string) (*key, error) {
	res, err := n.resource(ref)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(res, aliasPrefix) {
		return n.findByID(st, ref, strings.TrimPrefix(res, "key/"))
	}
	a, ok := st.aliases[res]
	if !ok {
		return nil, notFound("Alias %s is not found.", n.aliasARN(res))
	}
	return n.findByID(st, ref, a.KeyID)
}

// findManagedKey resolves what the operations that manage a key take: its id or
// its ARN, but no alias, which could point elsewhere a moment later.
func (n names) findManagedKey(st *state, ref string) (*key, error) {
	res, err := n.resource(ref)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(res, aliasPrefix) {
		return nil, notFound("Invalid keyId %q: this operation takes a key id or key ARN, not an alias.", ref)
	}
	return n.findByID(st, ref, strings.TrimPrefix(res, "key/"))
}

func (n names) findByID(st *state, ref, id string) (*key, error) {
	if _, ok := parseUUID(id); !ok {
		return nil, notFound("Invalid keyId %q.", ref)
	}
	k, ok := st.keys[id]
	if !ok {
		return nil, notFound("Key '%s' does not exist.", n.keyARN(id))
	}
	return k, nil
}

// checkKeyID checks the form of a required key reference.
func checkKeyID(member string, ref *string) error {
	if ref == nil {
		return invalid("Value null at '%s' failed to satisfy constraint: Member must not be null.", member)
	}
	return checkOptionalKeyID(member, ref)
}

func checkOptionalKeyID(member string, ref *string) error {
	if ref != nil && (len(*ref) < 1 || len(*ref) > maxKeyID) {
		return invalid("Value at '%s' failed to satisfy constraint: Member must have length between 1 and %d.", member, maxKeyID)
	}
	return nil
}

// checkAliasName checks the form of an alias name, whether it exists or not.
func checkAliasName(name string) error {
	switch {
	case len(name) < 1 || len(name) > maxAliasName:
		return invalid("Value at 'aliasName' failed to satisfy constraint: Member must have length between 1 and %d.", maxAliasName)
	case !strings.HasPrefix(name, aliasPrefix):
		return invalid("Alias must start with the prefix \"alias/\".")
	case !aliasPattern.MatchString(name):
		return refuse("InvalidAliasNameException", "%q contains characters other than letters, digits, '/', '_' and '-'.", name)
	}
	return nil
}

// checkNewAliasName refuses also the names that are AWS's own.
func checkNewAliasName(name string) error {
	if err := checkAliasName(name); err != nil {
		return err
	}
	if strings.HasPrefix(name, reservedPrefix) {
		return refuse("InvalidAliasNameException", "Names that begin with %q are reserved.", reservedPrefix)
	}
	return nil
}
