// A domain with a policy and a command in it, and what is refused there: Go's own library, as root.
package main

import ("bytes"; "context"; "encoding/json"; "fmt"; "net"; "net/http"; "os")

func dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if path := os.Getenv("ACTPLANE_SOCKET"); path != "" { return net.Dial("unix", path) }
	return net.Dial("unix", "/run/actplane/actplane.sock")
}
var daemon = http.Client{Transport: &http.Transport{DialContext: dial}}

func ask(method, path string, body, answer any) {
	sent, _ := json.Marshal(body)
	request, _ := http.NewRequest(method, "http://actplane"+path, bytes.NewReader(sent))
	request.Header.Set("content-type", "application/json")
	reply, err := daemon.Do(request)
	if err != nil || reply.StatusCode >= 300 { panic(fmt.Sprint(method, path, err, reply)) }
	json.NewDecoder(reply.Body).Decode(answer)
}
func main() {
	var made struct{ Domain struct{ ID string } }
	policy := map[string]string{"text": `rule no-push: block exec "git" "push" because "a person pushes"`}
	ask("POST", "/v1/domains", map[string]any{"name": "agent", "policy": policy, "argv": []string{"sh", "-c", "git push; sleep 1"}}, &made)
	path := "/v1/domains/" + made.Domain.ID
	var told struct{ Next int; Records []struct{ Target, Because string } }
	ask("GET", path+"/feedback?after=0&wait=10", nil, &told)
	for _, record := range told.Records { fmt.Printf("refused: %s: %s\n", record.Target, record.Because) }
	ask("POST", path+"/feedback/ack", map[string]int{"seq": told.Next}, &struct{}{})
	ask("DELETE", path+"?kill=1", nil, &struct{}{})
}
