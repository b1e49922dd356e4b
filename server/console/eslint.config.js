/** Lint is also the formatter: what `eslint --fix` writes is the house style. No text for people stands outside the catalogues. */
import stylistic from '@stylistic/eslint-plugin'
import vue from 'eslint-plugin-vue'
import ts from 'typescript-eslint'
import vueParser from 'vue-eslint-parser'

const han = /\p{Script=Han}/u

/** Refuses Chinese text in code: it belongs into src/i18n. */
const noHardText = {
  meta: { type: 'problem', schema: [], messages: { text: 'text for people belongs into src/i18n' } },
  create(context) {
    const report = (node, text) => {
      if (han.test(text)) context.report({ node, messageId: 'text' })
    }
    const script = {
      Literal: node => typeof node.value === 'string' && report(node, node.value),
      TemplateElement: node => report(node, node.value.raw),
    }
    const template = {
      VText: node => report(node, node.value),
      VLiteral: node => report(node, node.value),
      Literal: script.Literal,
      TemplateElement: script.TemplateElement,
    }
    const services = context.sourceCode.parserServices
    return services.defineTemplateBodyVisitor ? services.defineTemplateBodyVisitor(template, script) : script
  },
}

export default ts.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/schema.d.ts', 'openapi.json', 'e2e/shots/'] },
  ...ts.configs.strict,
  ...vue.configs['flat/recommended'],
  stylistic.configs.customize({ semi: false, quotes: 'single', braceStyle: '1tbs', arrowParens: false }),
  {
    plugins: { house: { rules: { 'no-hard-text': noHardText } } },
    languageOptions: { parser: vueParser, parserOptions: { parser: ts.parser, sourceType: 'module' } },
    rules: {
      '@stylistic/max-len': ['error', { code: 140, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreUrls: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'vue/multi-word-component-names': 'off',
      'vue/max-attributes-per-line': ['error', { singleline: 3, multiline: 1 }],
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'always', normal: 'always', component: 'always' } }],
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/define-props-declaration': 'error',
      'vue/no-v-html': 'error',
      'no-restricted-globals': ['error', 'alert', 'confirm', 'prompt'],
    },
  },
  {
    files: ['src/**/*.{ts,vue}'],
    rules: { 'house/no-hard-text': 'error' },
  },
  {
    files: ['src/**/*.vue'],
    rules: {
      '@stylistic/max-len': 'off',
      'vue/max-len': ['error', {
        code: 140, template: 150, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreUrls: true,
        ignoreHTMLAttributeValues: true, ignoreHTMLTextContents: true,
      }],
      'vue/no-bare-strings-in-template': ['error', {
        allowlist: ['·', '–', '→', '±', '/', '(', ')', ':', '×', '%', '#', '℃', '°C', '¥', '—', '-', '▸', '▾', '✓', '*', '✗', '✕', '…', '+', '|', ',', ' · '],
      }],
    },
  },
)
