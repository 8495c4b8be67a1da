package storage

// RowError says why one row of a body was rejected.
type RowError struct {
	Row   uint64 `json:"row"` // counted from 1 over the whole body
	Error string `json:"error"`
}

// Receipt is what became of the rows of one batch, or of one chunk of it.
type Receipt struct {
	Accepted uint32     `json:"accepted"`
	Rejected uint32     `json:"rejected"`
	Errors   []RowError `json:"errors"`   // the first RowErrorsMax
	Warnings []string   `json:"warnings"` // distinct
}

// RowErrorsMax is how many rejected rows a receipt describes: enough to see
// what is wrong, few enough to keep with every key.
const RowErrorsMax = 20
