// The page in a notebook: messages to the kernel in place of requests. Appended to page.js.

const PATIENCE = 20_000; // ms in which a busy kernel may answer; then the call is sent again

function kernel(model) {
  const waiting = new Map();
  const onMessage = ({ id, reply, error, type }, buffers) => {
    const [done, failed] = waiting.get(id) ?? [];
    waiting.delete(id);
    if (error) failed?.(Object.assign(new Error(error.message), { status: error.status }));
    else done?.(type ? new Blob(buffers, { type }) : reply);
  };
  const call = (name, body) => new Promise((done, failed) => {
    const id = uid();
    waiting.set(id, [done, failed]);
    setTimeout(() => { if (waiting.delete(id)) failed(new Error("no answer")); }, PATIENCE);
    model.send({ id, call: name, body });
  });
  model.on("msg:custom", onMessage);
  return {
    call,
    sample: ticket => call("sample", { ticket }),
    leave: body => model.send({ id: uid(), call: "release", body }),
    memory: null, // a notebook may be open under any address
    gone: "The kernel is busy or gone",
    close: () => model.off("msg:custom", onMessage),
  };
}

export default {
  render({ model, el }) {
    const root = h("div", { tabIndex: 0 }), transport = kernel(model);
    el.append(root);
    const close = mount(root, transport);
    return () => { close(); transport.close(); };
  },
};
