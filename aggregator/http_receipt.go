package aggregator

import (
	"net/http"
	"strconv"
	"strings"
)

// receiptBytes is room for a receipt without errors and warnings.
const receiptBytes = 192

// writeReceipt answers an ingest call. The receipt of a call in which all went
// well is written by hand, for it may be one of tens of thousands in a second.
func writeReceipt(w http.ResponseWriter, r *Receipt) {
	if len(r.Errors) > 0 || len(r.Warnings) > 0 || strings.ContainsFunc(r.Batch, needsEscape) {
		writeJSON(w, http.StatusOK, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(appendPlainReceipt(make([]byte, 0, receiptBytes), r)) // the client may have gone
}

// needsEscape tells of a character that may not stand as it is in a JSON string,
// by the widest of rules.
func needsEscape(c rune) bool {
	return c < ' ' || c > '~' || strings.ContainsRune(`"\<>&`, c)
}

// appendPlainReceipt is the JSON of a receipt without errors and warnings, with
// nothing to escape, and a newline.
func appendPlainReceipt(dst []byte, r *Receipt) []byte {
	dst = append(dst, `{"accepted":`...)
	dst = strconv.AppendUint(dst, r.Accepted, 10)
	dst = append(dst, `,"rejected":`...)
	dst = strconv.AppendUint(dst, r.Rejected, 10)
	dst = append(dst, `,"errors":[],"batch":"`...)
	dst = append(dst, r.Batch...)
	dst = append(dst, `","duplicate":`...)
	dst = strconv.AppendBool(dst, r.Duplicate)
	return append(dst, ",\"warnings\":[]}\n"...)
}
