// PouchDB behind express on 127.0.0.1: server.js PORT FOLDER
const path = require('path');
const expressPouchDB = require('express-pouchdb');
const PouchDB = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-leveldb'))
  .plugin(require('pouchdb-mapreduce'));

const [port, folder] = process.argv.slice(2);

// The least that replication needs: without request log, users and validation functions it is faster than the full server.
expressPouchDB(PouchDB.defaults({ prefix: path.resolve(folder) + path.sep }), { mode: 'minimumForPouchDB' })
  .listen(Number(port), '127.0.0.1');
