package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// ExportCatalog returns what aggregators agree on, as indented JSON.
func (c *Client) ExportCatalog(ctx context.Context) ([]byte, error) {
	var all json.RawMessage
	if err := c.getJSON(ctx, "/v1/catalog/export", &all); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(all, "", "  ")
	return append(text, '\n'), err
}

// ImportCatalog sends such an export back, and returns how many entries it had.
func (c *Client) ImportCatalog(ctx context.Context, export []byte) (entries int, err error) {
	resp, err := c.call(ctx, http.MethodPost, "/v1/catalog/import", http.Header{"Content-Type": {"application/json"}}, export)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var got struct{ Imported int }
	if err := json.NewDecoder(io.LimitReader(resp.Body, errorBytesMax)).Decode(&got); err != nil {
		return 0, fmt.Errorf("what %s answers to an import broke off, or is not kelp's: %w", c.base, err)
	}
	return got.Imported, nil
}
