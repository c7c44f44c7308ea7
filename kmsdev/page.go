package kmsdev

import (
	"encoding/base64"
	"slices"
	"strings"
)

// pageInput is the paging of the List operations.
type pageInput struct {
	Limit  *int32
	Marker *string
}

// markerPrefix tells a marker of ours from any other base64 text.
const markerPrefix = "after:"

// page returns the items of the requested page of the sorted list all, and the
// marker of the next page, empty when there is none. A marker names the last
// item of the page before, so that items made or deleted meanwhile neither
// repeat nor hide others.
func (in *pageInput) page(all []string, standard, most int32) (items []string, next string, err error) {
	if err := checkRange("limit", in.Limit, 1, most); err != nil {
		return nil, "", err
	}
	if in.Marker != nil {
		raw, err := base64.RawURLEncoding.DecodeString(*in.Marker)
		last, ok := strings.CutPrefix(string(raw), markerPrefix)
		if err != nil || !ok {
			return nil, "", refuse("InvalidMarkerException", "The marker is not one that this operation returned.")
		}
		from, found := slices.BinarySearch(all, last)
		if found {
			from++
		}
		all = all[from:]
	}
	limit := int(valueOr(in.Limit, standard))
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], base64.RawURLEncoding.EncodeToString([]byte(markerPrefix + all[limit-1])), nil
}
