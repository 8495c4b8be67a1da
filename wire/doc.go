// Package wire carries batches, queries, partial results and promises between
// processes, as Arrow Flight over gRPC.
//
// # Nouns
//
// A Leaf is what an aggregator asks: a leaf in the same process, or a Client.
// A Server gives other processes access to a Leaf; a Client is that Leaf in
// another process. An Append is one chunk of rows, an Appended what came of it,
// an Update what a leaf promises.
//
//	DoGet       Run        the ticket is the query; the answer a Partial
//	DoPut       Append     a batch; the answer a receipt
//	DoExchange  Subscribe  the leaf pushes updates, the subscriber confirms each
//	DoAction    Holds, Drop, Set, Describe, Explain, Status; Peer, between aggregators
//
// A frame is one message of a stream. It is sealed (seal.go): version, kind,
// number, payload, and a CRC-32C over these and over the Arrow record it may
// carry. A Partial and a batch are a head, then sections, then an end; a
// section is columns of equal length (partial.go, batch.go), cut into records
// of about 1 MiB (record.go). Records are Arrow's record batches, without a
// schema, since the head says what columns there are.
//
// # What a peer can do to us
//
// Bytes damaged on their way fail their checksum. A peer that lies with a right
// checksum is read by a strict reader of our own (record_read.go), because
// Arrow's allocates what a message claims: here every length is held against
// the bytes that came, nothing is set aside for what is only announced beyond
// fixed bounds, and an answer must have the columns of its plan. Whatever a peer
// sends ends in an error or a well-formed value, within the limits of limits.go.
//
// A peer that is slow, frozen or gone costs a caller no more than its deadline.
// Run leaves the leaf a little less time than the caller has, so that a partial
// answer arrives. Queries, batches and promises use three connections, so none
// holds up another.
//
// # Errors
//
// Errors of a Leaf (*Error, *query.Error, deadlines) come out of a Client as
// they went into the Server. The others: CodeUnreachable, nothing was done, try
// elsewhere; CodeBroken, the connection broke before the whole answer;
// CodeFateUnknown, an Append's last frame may have reached the leaf and its
// receipt did not come back: only that leaf may be tried again.
//
// # Goroutines
//
// gRPC's own serve connections; Stop ends the server's, Close the client's, and
// both wait. Stop starts one that waits for appends. Each subscription on a
// server has two, one that sends and one that receives, which end with its
// stream; Stop waits for them. A Client starts none of its own.
//
// # Who owns what
//
// A batch given to Append is read until Append returns. What a Client returns,
// and the batch a Server hands to its Leaf, belong to the receiver: they share
// no memory with frames.
package wire
