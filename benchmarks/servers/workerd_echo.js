// What workerd serves: the same echo as everywhere, read and written as JSON.
export default {
  async fetch(request) {
    return Response.json(await request.json());
  },
};
