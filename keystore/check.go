package keystore

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// KMSKey is what KMS says of the KMS key that wraps new data keys.
type KMSKey struct {
	ID      string // as configured
	ARN     string
	Account string // AWS account id
	// Foreign reports that the key is of another account than the credentials,
	// where the SDK knows theirs: that account's policy decides over the data.
	Foreign bool
}

// Check asks KMS about the KMS key that wraps new data keys, and fails if it
// cannot: disabled, pending deletion, asymmetric, not there, not allowed. It
// needs kms:DescribeKey.
func (s *Store) Check(ctx context.Context) (KMSKey, error) {
	id, err := s.kmsKeyID(ctx, s.db)
	if err != nil {
		return KMSKey{}, err
	}
	return s.describe(ctx, id)
}

// SetKMSKey makes a KMS key the one that wraps the new data keys of this
// database, after the checks of Check. It is stored as given: an alias may be
// moved later. Existing data keys stay under theirs.
func (s *Store) SetKMSKey(ctx context.Context, id string) (KMSKey, error) {
	k, err := s.describe(ctx, id)
	if err != nil {
		return KMSKey{}, err
	}
	_, err = s.db.Exec(ctx, `
		INSERT INTO pgseal.installation (kms_key_id) VALUES ($1)
		ON CONFLICT ((true)) DO UPDATE SET kms_key_id = excluded.kms_key_id`, id)
	if err != nil {
		return KMSKey{}, databaseError("store the KMS key of the installation", err)
	}
	return k, nil
}

func (s *Store) describe(ctx context.Context, id string) (KMSKey, error) {
	out, err := s.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return KMSKey{}, kmsError(ctx, "KMS key "+id, err)
	}
	m := out.KeyMetadata
	if m == nil || aws.ToString(m.Arn) == "" {
		return KMSKey{}, &Error{message: "KMS key " + id + ": the answer is not one of KMS",
			hint: "Check that AWS_ENDPOINT_URL_KMS leads to a KMS.", kinds: temporary}
	}
	k := KMSKey{ID: id, ARN: *m.Arn, Account: account(m)}
	k.Foreign = s.isForeign(ctx, k.Account)
	if problem, remedy := unfit(m); problem != "" {
		where := ""
		if k.Foreign {
			where = " of the foreign account " + k.Account
		}
		return KMSKey{}, &Error{message: fmt.Sprintf("KMS key %s (%s)%s %s", id, k.ARN, where, problem), hint: remedy, kinds: misused}
	}
	return k, nil
}

// unfit says why a KMS key cannot wrap data keys, and what to do.
func unfit(m *types.KeyMetadata) (problem, remedy string) {
	// A key server may leave out what it takes for granted.
	if m.KeyUsage != "" && m.KeyUsage != types.KeyUsageTypeEncryptDecrypt || m.KeySpec != "" && m.KeySpec != types.KeySpecSymmetricDefault {
		return fmt.Sprintf("is of spec %s and usage %s, and cannot wrap data keys", m.KeySpec, m.KeyUsage), odd.remedy
	}
	switch m.KeyState {
	case types.KeyStateEnabled, "":
		if m.KeyState == "" && !m.Enabled {
			return "is not enabled", verdicts["DisabledException"].remedy
		}
		return "", ""
	case types.KeyStateDisabled:
		return "is disabled", verdicts["DisabledException"].remedy
	case types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion:
		when := ""
		if m.DeletionDate != nil {
			when = " on " + m.DeletionDate.UTC().Format("2006-01-02")
		}
		return "will be deleted" + when, "Save it (aws kms cancel-key-deletion, then enable-key), or name another KMS key."
	default:
		return "is in state " + string(m.KeyState), verdicts["KMSInvalidStateException"].remedy
	}
}

// account is the account of a KMS key: its ARN's fifth part where KMS does not
// say it.
func account(m *types.KeyMetadata) string {
	if id := aws.ToString(m.AWSAccountId); id != "" {
		return id
	}
	const accountPart = 4
	if parts := strings.Split(aws.ToString(m.Arn), ":"); len(parts) > accountPart {
		return parts[accountPart]
	}
	return ""
}

func (s *Store) isForeign(ctx context.Context, account string) bool {
	client, ok := s.kms.(interface{ Options() kms.Options })
	if !ok || client.Options().Credentials == nil {
		return false
	}
	credentials, err := client.Options().Credentials.Retrieve(ctx)
	return err == nil && credentials.AccountID != "" && account != "" && credentials.AccountID != account
}
