package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Network carries messages between the nodes of a catalog. Call sends one to the
// node at an address and returns its answer: what that node's Answer returned. It
// is called concurrently. An error that is ErrNotSent says that nothing came there.
type Network interface {
	Call(ctx context.Context, addr string, msg []byte) ([]byte, error)
}

// ErrNotSent says of a call that nothing of it reached the other node.
var ErrNotSent = errors.New("the other node cannot be reached")

// What a message asks for: its first byte. The others are, for Raft's own, the
// length of the request, 4 bytes little-endian, the request as JSON, and a
// snapshot's bytes; else see serve.go.
const (
	opAppend   byte = 1
	opVote     byte = 2
	opPreVote  byte = 3
	opTimeout  byte = 4
	opSnapshot byte = 5
	opMember   byte = 7
	opFollows  byte = 8
	opPropose  byte = 9 // 6 was one without the catalog's id
)

// link is Raft's transport over a Network. It has no state of connections: those
// are the network's.
type link struct {
	ctx       context.Context // ends calls
	net       Network
	addr      raft.ServerAddress
	store     *store // knows the catalog's id; nil: there is none
	requests  chan raft.RPC
	heartbeat atomic.Pointer[func(raft.RPC)] // takes those that may not wait for others
}

var _ raft.WithPreVote = (*link)(nil)

func newLink(ctx context.Context, net Network, addr string, store *store) *link {
	return &link{ctx: ctx, net: net, addr: raft.ServerAddress(addr), store: store, requests: make(chan raft.RPC)}
}

// call asks another node for one of Raft's own.
func (l *link) call(to raft.ServerAddress, op byte, req, resp any, body []byte) error {
	text, err := json.Marshal(req)
	if err != nil {
		panic("BUG: a request of Raft's is not JSON: " + err.Error())
	}
	text = withCatalog(text, l.store.id())
	msg := binary.LittleEndian.AppendUint32([]byte{op}, uint32(len(text)))
	msg = append(append(msg, text...), body...)
	ctx, cancel := context.WithTimeout(l.ctx, callTimeout)
	defer cancel()
	answer, err := l.net.Call(ctx, string(to), msg)
	if err != nil {
		return err
	}
	var got raftAnswer
	got.Response = resp
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("the answer of %s does not read: %w", to, err)
	}
	if got.Error != "" {
		return errors.New(got.Error)
	}
	return nil
}

// raftAnswer is what Raft answers to its own.
type raftAnswer struct {
	Response any
	Error    string `json:",omitempty"`
}

// answer gives Raft a request of another node's.
func (l *link) answer(ctx context.Context, msg []byte) ([]byte, error) {
	rpc, theirs, err := readRequest(msg)
	if err != nil {
		return nil, err
	}
	if err := l.store.foreign(theirs); err != nil {
		return nil, err
	}
	if msg[0] == opAppend || msg[0] == opSnapshot {
		if err := l.store.adopt(theirs); err != nil {
			return nil, err
		}
	}
	done := make(chan raft.RPCResponse, 1)
	rpc.RespChan = done
	if h := l.heartbeat.Load(); h != nil && isHeartbeat(rpc.Command) {
		(*h)(rpc)
	} else {
		select {
		case l.requests <- rpc:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.ctx.Done():
			return nil, l.ctx.Err()
		}
	}
	select {
	case got := <-done:
		answer := raftAnswer{Response: got.Response}
		if got.Error != nil {
			answer.Error = got.Error.Error()
		}
		return json.Marshal(answer)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
}

// readRequest reads one of Raft's own requests, and which catalog's it is.
func readRequest(msg []byte) (rpc raft.RPC, catalog string, err error) {
	if len(msg) < 5 {
		return rpc, "", errCut
	}
	n := binary.LittleEndian.Uint32(msg[1:])
	if uint64(n) > uint64(len(msg)-5) {
		return rpc, "", errCut
	}
	text, body := msg[5:5+n], msg[5+n:]
	if catalog, err = catalogOf(text); err != nil {
		return rpc, "", err
	}
	switch msg[0] {
	case opAppend:
		req := new(raft.AppendEntriesRequest)
		rpc.Command, err = req, json.Unmarshal(text, req)
		if slices.Contains(req.Entries, nil) {
			err = errCut
		}
	case opVote:
		rpc.Command, err = requestOf[raft.RequestVoteRequest](text)
	case opPreVote:
		rpc.Command, err = requestOf[raft.RequestPreVoteRequest](text)
	case opTimeout:
		rpc.Command, err = requestOf[raft.TimeoutNowRequest](text)
	case opSnapshot:
		rpc.Command, err = requestOf[raft.InstallSnapshotRequest](text)
		rpc.Reader = bytes.NewReader(body)
	default:
		err = fmt.Errorf("there is no request %d: finish the upgrade", msg[0])
	}
	return rpc, catalog, err
}

func requestOf[T any](text []byte) (*T, error) {
	req := new(T)
	return req, json.Unmarshal(text, req)
}

// isHeartbeat tells a request that only says that the leader lives: Raft takes
// such ones beside its queue.
func isHeartbeat(command any) bool {
	req, ok := command.(*raft.AppendEntriesRequest)
	return ok && req.Term != 0 && req.PrevLogEntry == 0 && req.PrevLogTerm == 0 && len(req.Entries) == 0 && req.LeaderCommitIndex == 0
}

// Consumer is where Raft gets requests from.
func (l *link) Consumer() <-chan raft.RPC { return l.requests }

// LocalAddr is what others reach this node at.
func (l *link) LocalAddr() raft.ServerAddress { return l.addr }

// AppendEntriesPipeline says that there is none: changes are few.
func (l *link) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries sends entries.
func (l *link) AppendEntries(_ raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return l.call(to, opAppend, req, resp, nil)
}

// RequestVote asks for a vote.
func (l *link) RequestVote(_ raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return l.call(to, opVote, req, resp, nil)
}

// RequestPreVote asks whether a vote would be given.
func (l *link) RequestPreVote(_ raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return l.call(to, opPreVote, req, resp, nil)
}

// TimeoutNow has another node ask for votes.
func (l *link) TimeoutNow(_ raft.ServerID, to raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return l.call(to, opTimeout, req, resp, nil)
}

// InstallSnapshot sends a snapshot, in one message.
func (l *link) InstallSnapshot(_ raft.ServerID, to raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	body, err := io.ReadAll(io.LimitReader(data, snapshotBytesMax+1))
	if err == nil && len(body) > snapshotBytesMax {
		err = fmt.Errorf("a snapshot takes more than %d bytes", snapshotBytesMax)
	}
	if err != nil {
		return err
	}
	return l.call(to, opSnapshot, req, resp, body)
}

// EncodePeer writes an address into a request.
func (l *link) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer is the reverse.
func (l *link) DecodePeer(src []byte) raft.ServerAddress { return raft.ServerAddress(src) }

// SetHeartbeatHandler names who takes heartbeats.
func (l *link) SetHeartbeatHandler(f func(raft.RPC)) { l.heartbeat.Store(&f) }
