package keystore

import (
	"encoding/json"
	"maps"
	"strconv"
)

// The members of the encryption context, which KMS binds to the blob and writes
// into its log: names and numbers, never a secret. A change here makes every
// existing data key unreadable.
const (
	contextInstallation = "pgseal:installation"
	contextTableID      = "pgseal:table-id"
	contextTable        = "pgseal:table"
	contextPurpose      = "pgseal:purpose"
	contextVersion      = "pgseal:version"
)

// identity is what a data key is bound to: never changed after its creation.
type identity struct {
	installation string // UUID
	tableID      int32
	table        string // name at creation
	purpose      string
	version      int32
}

func (i identity) context() map[string]string {
	return map[string]string{
		contextInstallation: i.installation,
		contextTableID:      strconv.Itoa(int(i.tableID)),
		contextTable:        i.table,
		contextPurpose:      i.purpose,
		contextVersion:      strconv.Itoa(int(i.version)),
	}
}

// matches reports whether a stored context is exactly the one of i.
func (i identity) matches(stored []byte) bool {
	var members map[string]string
	if err := json.Unmarshal(stored, &members); err != nil {
		return false
	}
	return maps.Equal(members, i.context())
}
